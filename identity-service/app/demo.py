"""Demo accounts for development: staff of the platform, one person per role in each organization.

`python -m app.demo`, with MIGRATION_DATABASE_URL and MIGRATION_ROLE. May be repeated. With `--none`
it loads nothing and fails where one of the accounts exists.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from app.core.passwords import prepared
from app.core.settings import OWASP_ITERATIONS, OWASP_MEMORY_KIB
from app.modules.memberships.models import Membership
from app.modules.people.models import Credential, Person
from app.modules.tenants.models import Tenant
from shared_lib.demo import (
    LONER,
    ORGANIZATIONS,
    PASSWORD,
    PLATFORM_ADMIN,
    ROLES,
    SUPPORT_AGENT,
    load_demo,
    member_address,
    organization_id,
    person_id,
    require_no_demo,
)

_SINCE = datetime(2026, 1, 5, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Account:
    """A demo account: in the organization `slug`, or staff of the platform, or neither."""

    email: str
    password: str
    role: str | None = None
    slug: str | None = None

    @property
    def person_id(self) -> UUID:
        """The same on every machine."""
        return person_id(self.email)


def accounts() -> Iterator[Account]:
    """Every demo account."""
    yield Account(*PLATFORM_ADMIN, role="platform_admin")
    yield Account(*SUPPORT_AGENT, role="support_agent")
    yield Account(LONER, PASSWORD)
    for slug in ORGANIZATIONS:
        for role in ROLES:
            yield Account(member_address(role, slug), PASSWORD, role, slug)


def _person(account: Account) -> dict[str, Any]:
    return {
        "id": account.person_id,
        "email": account.email,
        "name": _name(account),
        "platform_role": None if account.slug else account.role,
        "verified_at": _SINCE,
        "created_at": _SINCE,
        "updated_at": _SINCE,
    }


def _name(account: Account) -> str:
    words = (ORGANIZATIONS.get(account.slug or ""), account.role)
    return " ".join(filter(None, words)) or "loner"


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
        for slug, name in ORGANIZATIONS.items()
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
