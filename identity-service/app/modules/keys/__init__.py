"""Signing keys: published, turned by themselves, revoked by hand."""
