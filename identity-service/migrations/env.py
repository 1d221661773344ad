"""Alembic's entry point."""

from app.modules.models import DATABASE, metadata
from shared_lib.tables.migrations import run_migrations

run_migrations(metadata, DATABASE)
