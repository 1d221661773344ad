"""Audit keys: the public keys with which reports and the trail can be verified."""
