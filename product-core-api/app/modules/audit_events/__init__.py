"""Audit events: who did what, when and why."""
