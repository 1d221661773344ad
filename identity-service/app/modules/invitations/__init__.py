"""Invitations: who may join an organization, in which role, until when."""
