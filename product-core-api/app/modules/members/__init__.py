"""Members: who belongs to an organization, as the identity service tells it."""
