"""Demo accounts for development: staff of the platform, and one person per role in Acme and Globex.

`python -m app.demo`, with MIGRATION_DATABASE_URL and MIGRATION_ROLE. May be repeated. With `--none`
it loads nothing and fails where one of the accounts exists.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from app.core.passwords import prepared
from app.core.settings import OWASP_ITERATIONS, OWASP_MEMORY_KIB
from app.modules.memberships.models import Membership
from app.modules.people.models import Credential, Person
from app.modules.tenants.models import Tenant
from shared_lib.demo import load_demo, require_no_demo

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
    for model, rows in (
        (Tenant, _tenants()),
        (Person, [_person(account) for account in accounts()]),
        (Membership, _memberships()),
        (Credential, _credentials(connection)),
    ):
        if rows:
            connection.execute(insert(model).on_conflict_do_nothing(), rows)


def _present(connection: Connection) -> bool:
    ids = [account.person_id for account in accounts()]
    return connection.scalar(sa.select(Person.id).where(Person.id.in_(ids)).limit(1)) is not None


if __name__ == "__main__":
    if "--none" in sys.argv[1:]:
        require_no_demo(_present)
    else:
        load_demo(_load, forced=(Membership.__tablename__,))
