"""Tests of the mutations themselves: one that changes nothing, or that nobody notices, shows."""
