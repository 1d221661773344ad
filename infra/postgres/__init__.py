"""Databases, roles and privileges, prepared by the administrator before any migration."""
