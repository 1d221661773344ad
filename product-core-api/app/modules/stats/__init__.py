"""Stats: how many of what there are, for the platform's admins."""
