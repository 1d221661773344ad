"""Development on one machine: embedded PostgreSQL and the process runner."""
