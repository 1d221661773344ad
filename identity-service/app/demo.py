"""Demo accounts for development: staff of the platform, and one person per role in Acme and Globex.

`python -m app.demo`, with MIGRATION_DATABASE_URL and MIGRATION_ROLE. May be repeated.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy import Connection, pool
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.passwords import prepared
from app.core.settings import OWASP_ITERATIONS, OWASP_MEMORY_KIB
from app.modules.memberships.models import Membership, Tenant
from app.modules.people.models import Credential, Person
from shared_lib.postgres import TenantConnection

_SINCE = datetime(2026, 1, 5, 9, tzinfo=UTC)
_ORGANIZATIONS = {"acme": "Acme", "globex": "Globex"}
_ROLES = ("owner", "admin", "standard", "viewer", "client")
_PASSWORD = "demo-password-123"  # noqa: S105  printed by `make up`; exists in development only


@dataclass(frozen=True, slots=True)
class Account:
    """A demo account: in the organization `slug`, or staff of the platform."""

    email: str
    password: str
    role: str
    slug: str | None = None

    @property
    def person_id(self) -> UUID:
        """The same on every machine."""
        return uuid5(NAMESPACE_URL, f"mailto:{self.email}")


def organization_id(slug: str) -> UUID:
    """The id of a demo organization; the core's loader derives it in the same way."""
    return uuid5(NAMESPACE_URL, f"https://{slug}.example.com")


def accounts() -> Iterator[Account]:
    """Every demo account."""
    yield Account("platform@numbersence.com", "platform123", "platform_admin")
    yield Account("support@numbersence.com", "support123", "support_agent")
    for slug in _ORGANIZATIONS:
        for role in _ROLES:
            yield Account(f"{role}@{slug}.example.com", _PASSWORD, role, slug)


def _person(account: Account) -> dict[str, Any]:
    return {
        "id": account.person_id,
        "email": account.email,
        "name": " ".join(filter(None, (_ORGANIZATIONS.get(account.slug or ""), account.role))),
        "platform_role": None if account.slug else account.role,
        "verified_at": _SINCE,
        "created_at": _SINCE,
        "updated_at": _SINCE,
    }


def _memberships() -> list[dict[str, Any]]:
    return [
        {
            "tenant_id": organization_id(account.slug),
            "person_id": account.person_id,
            "role": account.role,
            "created_at": _SINCE,
            "updated_at": _SINCE,
        }
        for account in accounts()
        if account.slug
    ]


def _tenants() -> list[dict[str, Any]]:
    return [
        {"id": organization_id(slug), "slug": slug, "name": name, "status": "active", "version": 1}
        for slug, name in _ORGANIZATIONS.items()
    ]


def _credentials(connection: Connection) -> list[dict[str, Any]]:
    """Of those who have none yet: a hash takes its time."""
    known = set(connection.scalars(sa.select(Credential.person_id)))
    argon2 = PasswordHasher(time_cost=OWASP_ITERATIONS, memory_cost=OWASP_MEMORY_KIB, parallelism=1)
    return [
        {
            "person_id": account.person_id,
            "password_hash": argon2.hash(prepared(account.password)),
            "updated_at": _SINCE,
        }
        for account in accounts()
        if account.person_id not in known
    ]


def _load(connection: Connection) -> None:
    """Insert what is missing. What people changed in the meantime stays as it is."""
    # The owner is bound by FORCE like everybody; off, and forgetting NO FORCE fails loudly.
    connection.execute(sa.text("SET LOCAL row_security = off"))
    connection.execute(sa.text("ALTER TABLE memberships NO FORCE ROW LEVEL SECURITY"))
    for model, rows in (
        (Tenant, _tenants()),
        (Person, [_person(account) for account in accounts()]),
        (Membership, _memberships()),
        (Credential, _credentials(connection)),
    ):
        if rows:
            connection.execute(insert(model).on_conflict_do_nothing(), rows)
    connection.execute(sa.text("ALTER TABLE memberships FORCE ROW LEVEL SECURITY"))


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
    """Load the demo accounts; exit with 2 anywhere but in development."""
    if os.environ.get("ENVIRONMENT") != "development":
        sys.stderr.write("Demo accounts are for ENVIRONMENT=development only.\n")
        sys.exit(2)
    asyncio.run(_run())


if __name__ == "__main__":
    main()
