"""Password resets: one-time links by which a person replaces a password that he has lost."""
