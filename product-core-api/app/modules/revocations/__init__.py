"""Revocations: what ended in the identity service, as the core keeps it for admission."""
