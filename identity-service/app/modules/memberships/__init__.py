"""Memberships: who belongs to which organization, and in which built-in role."""
