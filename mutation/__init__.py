"""Mutation: each protection is taken away, one at a time, and the checks must notice."""
