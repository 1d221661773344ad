"""Who the caller is to the core."""
