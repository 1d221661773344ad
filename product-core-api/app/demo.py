"""Demo data for development: two organizations and the public one, each with popups.

`python -m app.demo`, with MIGRATION_DATABASE_URL and MIGRATION_ROLE. May be repeated.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import sqlalchemy as sa
from sqlalchemy import Connection, pool
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.anonymous import PUBLIC_ORGANIZATION
from app.modules.models import Organization, Popup
from shared_lib.postgres import TenantConnection

_SINCE = datetime(2026, 1, 5, 9, tzinfo=UTC)
_POPUPS = (
    ("Spring Market", "Forty makers, one courtyard", "Lisbon", "active"),
    ("Night Library", "Read until the lights go out", "Porto", "active"),
    ("Repair Café", "Bring it broken, take it home whole", "Berlin", "draft"),
    ("Winter Kitchen", None, "Vienna", "ended"),
)
_ORGANIZATIONS = {"acme": "Acme", "globex": "Globex"}


def organization_id(slug: str) -> UUID:
    """The id of a demo organization; the identity service's loader derives it in the same way."""
    return uuid5(NAMESPACE_URL, f"https://{slug}.example.com")


def _organization(tenant_id: UUID, slug: str, name: str) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "slug": slug,
        "name": name,
        "status": "active",
        "trial_ends_at": None,
        "paid": True,
        "support_access": "read_only",
        "created_at": _SINCE,
        "updated_at": _SINCE,
        "version": 1,
    }


def _popups(tenant_id: UUID) -> list[dict[str, Any]]:
    return [
        {
            "tenant_id": tenant_id,
            "id": uuid5(tenant_id, name),
            "name": name,
            "slug": name.lower().replace(" ", "-").replace("é", "e"),
            "tagline": tagline,
            "location": location,
            "starts_at": _SINCE + timedelta(days=30 * number),
            "ends_at": _SINCE + timedelta(days=30 * number, hours=8),
            "status": status,
            "created_at": _SINCE + timedelta(minutes=number),
            "updated_at": _SINCE + timedelta(minutes=number),
        }
        for number, (name, tagline, location, status) in enumerate(_POPUPS)
    ]


def _load(connection: Connection) -> None:
    """Insert what is missing. What people changed in the meantime stays as it is."""
    organizations = [
        _organization(organization_id(slug), slug, name) for slug, name in _ORGANIZATIONS.items()
    ]
    organizations.append(_organization(PUBLIC_ORGANIZATION, "public", "Public"))
    popups = [popup for each in organizations for popup in _popups(each["tenant_id"])]
    # The owner is bound by FORCE like everybody; off, and forgetting NO FORCE fails loudly.
    connection.execute(sa.text("SET LOCAL row_security = off"))
    tables = (Organization.__tablename__, Popup.__tablename__)
    for table in tables:
        connection.execute(sa.text(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"))
    connection.execute(insert(Organization).on_conflict_do_nothing(), organizations)
    connection.execute(insert(Popup).on_conflict_do_nothing(), popups)
    for table in tables:
        connection.execute(sa.text(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"))


async def _run() -> None:
    engine = create_async_engine(
        os.environ["MIGRATION_DATABASE_URL"],
        poolclass=pool.NullPool,
        connect_args={"connection_class": TenantConnection},
    )
    async with engine.begin() as connection:
        await connection.execute(sa.text(f'SET LOCAL ROLE "{os.environ["MIGRATION_ROLE"]}"'))
        await connection.run_sync(_load)
    await engine.dispose()


def main() -> None:
    """Load the demo data; exit with 2 anywhere but in development."""
    if os.environ.get("ENVIRONMENT") != "development":
        sys.stderr.write("Demo data is for ENVIRONMENT=development only.\n")
        sys.exit(2)
    asyncio.run(_run())


if __name__ == "__main__":
    main()
