"""Organizations: their profile, and what the platform does with them."""
