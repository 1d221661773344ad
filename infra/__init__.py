"""What runs the services: the development runner and the preparation of PostgreSQL."""
