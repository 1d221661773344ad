"""Demo data for development: organizations with members, the public one, popups in each.

`python -m app.demo`, with MIGRATION_DATABASE_URL and MIGRATION_ROLE. May be repeated.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from app.core.anonymous import PUBLIC_ORGANIZATION
from app.modules.models import Member, Organization, Popup
from shared_lib.demo import (
    ORGANIZATIONS,
    ROLES,
    load_demo,
    member_address,
    organization_id,
    person_id,
)

_SINCE = datetime(2026, 1, 5, 9, tzinfo=UTC)
_POPUPS = (
    ("Spring Market", "Forty makers, one courtyard", "Lisbon", "active"),
    ("Night Library", "Read until the lights go out", "Porto", "active"),
    ("Repair Café", "Bring it broken, take it home whole", "Berlin", "draft"),
    ("Winter Kitchen", None, "Vienna", "ended"),
)


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


def _members(slug: str) -> list[dict[str, Any]]:
    """As the identity service would tell them."""
    addresses = {role: member_address(role, slug) for role in ROLES}
    return [
        {
            "tenant_id": organization_id(slug),
            "person_id": person_id(address),
            "name": f"{ORGANIZATIONS[slug]} {role}",
            "email": address,
            "role": role,
            "active": True,
            "version": 1,
            "updated_at": _SINCE,
        }
        for role, address in addresses.items()
    ]


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
        _organization(organization_id(slug), slug, name) for slug, name in ORGANIZATIONS.items()
    ]
    organizations.append(_organization(PUBLIC_ORGANIZATION, "public", "Public"))
    popups = [popup for each in organizations for popup in _popups(each["tenant_id"])]
    connection.execute(insert(Organization).on_conflict_do_nothing(), organizations)
    members = [member for slug in ORGANIZATIONS for member in _members(slug)]
    connection.execute(insert(Member).on_conflict_do_nothing(), members)
    connection.execute(insert(Popup).on_conflict_do_nothing(), popups)


if __name__ == "__main__":
    load_demo(_load, forced=tuple(table.__tablename__ for table in (Organization, Member, Popup)))
