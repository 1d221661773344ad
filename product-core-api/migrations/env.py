"""Alembic's entry point."""

from app.core.models import DATABASE
from app.modules.models import metadata
from shared_lib.tables.migrations import run_migrations

run_migrations(metadata, DATABASE)
