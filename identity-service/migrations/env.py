"""Alembic's entry point."""

from app.core.models import DATABASE, metadata
from app.modules import models as models
from shared_lib.tables.migrations import run_migrations

run_migrations(metadata, DATABASE)
