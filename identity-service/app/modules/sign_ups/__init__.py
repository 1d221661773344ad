"""Sign-ups: addresses that asked for an account and have not proved themselves yet."""
