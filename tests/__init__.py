"""Tests of both services together: real processes, real HTTP, real PostgreSQL."""
