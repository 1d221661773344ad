"""identity-service: knows who people are and signs tokens."""
