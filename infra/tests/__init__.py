"""Tests of infra: real processes, real PostgreSQL."""
