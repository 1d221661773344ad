"""Takes the place of a service."""
