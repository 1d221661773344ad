"""Calls of the definer's functions by the roles that may, within one transaction of a test."""

from typing import Any
from uuid import UUID

import asyncpg

from shared_lib.ids import uuid7
from tests.conftest import Identity, Organization, Person


async def ask(
    admin: asyncpg.Connection, role: str, query: str, *arguments: object, **settings: UUID
) -> list[Any]:
    """The first column of what `role` is answered; `admin` is the administrator in a transaction.

    `settings` are those of the transaction, without their prefix.
    """
    for name, value in settings.items():
        await admin.execute(f"SET LOCAL app.{name} = '{value}'")
    await admin.execute(f"SET LOCAL ROLE {role}")
    rows = await admin.fetch(query, *arguments)
    await admin.execute("RESET ROLE")
    return [row[0] for row in rows]


async def invite(
    identity: Identity,
    organization: Organization,
    email: str,
    *,
    inviter: Person | None = None,
    role: str = "viewer",
) -> UUID:
    """An open invitation; the platform's without an inviter."""
    invitation = uuid7()
    await identity.admin.execute(
        "INSERT INTO invitations (tenant_id, id, email, role, invited_by, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, now(), now() + interval '1 day')",
        *(organization.id, invitation, email, role, inviter.id if inviter else None),
    )
    return invitation
