"""Revocations: what ended, waiting until the core knows it."""
