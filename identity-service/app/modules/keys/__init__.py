"""Signing keys as others see them: the JSON Web Key Set."""
