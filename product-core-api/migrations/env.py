"""Alembic's entry point."""

from app.core.models import DATABASE, metadata
from app.modules import models
from shared_lib.tables.migrations import run_migrations

assert models.__all__, "every table is in the metadata by that import"  # noqa: S101
run_migrations(metadata, DATABASE)
