"""`python -m app.reference DIRECTORY`: writes the pages of the core, and its declarations."""

import sys
from pathlib import Path

from fastapi import FastAPI
from pydantic import SecretStr

from app.core.models import DATABASE
from app.core.settings import CoreSettings
from app.main import create_app
from app.modules.models import metadata
from shared_lib.prove import declared_file, declared_text
from shared_lib.reference import write_reference_pages

_NOWHERE = SecretStr("postgresql+asyncpg://nobody@127.0.0.1/nowhere")


def describable_app() -> FastAPI:
    """The application for its documents alone: it is never started."""
    settings = CoreSettings(
        environment="development",
        issuer="http://localhost:8001",
        jwks_url="http://localhost:8001/.well-known/jwks.json",
        identity_url="http://localhost:8001",
        client_secret=SecretStr("unused"),
        app_database_url=_NOWHERE,
        platform_database_url=_NOWHERE,
        worker_database_url=_NOWHERE,
    )
    return create_app(settings)


if __name__ == "__main__":
    write_reference_pages(describable_app(), CoreSettings, Path(sys.argv[1]))
    declared_file(DATABASE).write_text(declared_text(metadata))
