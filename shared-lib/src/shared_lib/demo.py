"""Who is in the demo data, and how these come into a database, in development only."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterable
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from shared_lib.postgres import TenantConnection

ORGANIZATIONS = {
    "acme": "Acme",
    "globex": "Globex",
    "proving": "Proving Ground",
    "bystander": "Bystander",
}
"""By slug. In the last two `phasezero prove` tries what must not work; nobody else does."""

ROLES = ("owner", "admin", "standard", "viewer", "client")
"""Each organization has one person of each, whose address is `<role>@<slug>.example.com`."""

PASSWORD = "demo-password-123"  # noqa: S105  printed by `make up`; exists in development only

PLATFORM_ADMIN = ("platform@numbersence.com", "platform123")
SUPPORT_AGENT = ("support@numbersence.com", "support123")
LONER = "loner@example.com"
"""Who belongs to no organization."""


def member_address(role: str, slug: str) -> str:
    """The address of the person with `role` in the demo organization `slug`."""
    return f"{role}@{slug}.example.com"


def organization_id(slug: str) -> UUID:
    """The id of a demo organization, the same on every machine."""
    return uuid5(NAMESPACE_URL, f"https://{slug}.example.com")


def person_id(address: str) -> UUID:
    """The id of a person of the demo data, the same on every machine."""
    return uuid5(NAMESPACE_URL, f"mailto:{address}")


def load_demo(load: Callable[[Connection], None], *, forced: Iterable[str]) -> None:
    """Run `load` in one transaction on MIGRATION_DATABASE_URL as MIGRATION_ROLE.

    `forced` names the tables under row level security that it writes. Exits with 2 where
    ENVIRONMENT is anything but development: what it loads has public passwords.
    """
    if os.environ.get("ENVIRONMENT") != "development":
        sys.stderr.write("Demo data are for ENVIRONMENT=development only.\n")
        sys.exit(2)
    asyncio.run(_run(load, tuple(forced)))


def require_no_demo(present: Callable[[Connection], bool]) -> None:
    """Exit with 1 where `present` finds demo data in MIGRATION_DATABASE_URL."""

    def look(connection: Connection) -> None:
        if present(connection):
            sys.exit("Demo data are there, and their passwords are public.")

    asyncio.run(_run(look, ()))


async def _run(load: Callable[[Connection], None], forced: tuple[str, ...]) -> None:
    engine = create_async_engine(
        os.environ["MIGRATION_DATABASE_URL"],
        poolclass=pool.NullPool,
        connect_args={"connection_class": TenantConnection},
    )
    async with engine.begin() as connection:
        await connection.execute(text(f'SET LOCAL ROLE "{os.environ["MIGRATION_ROLE"]}"'))
        # The owner is bound by FORCE like everybody; off, and a forgotten table fails loudly.
        await connection.execute(text("SET LOCAL row_security = off"))
        for table in forced:
            await connection.execute(text(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"))
        await connection.run_sync(load)
        for table in forced:
            await connection.execute(text(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"))
    await engine.dispose()
