"""Clients that authenticate themselves with a secret."""
