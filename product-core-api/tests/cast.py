"""Everybody of the access matrix as callers of the core: signed tokens, three organizations."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from shared_lib.prove._principals import OUTSIDE, PROGRAMS, SUPPORT, Cast, Cell, Principal
from shared_lib.tenancy import AccessMode
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import MakeOrganization
from tests.operations import SupportSession

_STATES: dict[AccessMode, dict[str, Any]] = {
    AccessMode.ACTIVE: {"paid": True},
    AccessMode.READ_ONLY: {"paid": False},
    AccessMode.BLOCKED: {"status": "suspended"},
}


async def make_cast(
    admin: asyncpg.Connection, issuer: TokenIssuer, make_tenant: MakeOrganization
) -> Cast:
    """A cast whose organizations nobody else uses."""
    tokens: dict[Cell, str | None] = {}
    for mode, state in _STATES.items():
        tenant_id = (await make_tenant(**state)).id
        for principal in Principal:
            cell = (principal, None if principal in OUTSIDE else mode)
            tokens[cell] = await token_of(admin, issuer, tenant_id, principal)
    hostile = {"owner, with an expired token": issuer.person(issued_at=1, lifetime=60)}
    return Cast(tokens, hostile=hostile)


async def token_of(
    admin: asyncpg.Connection,
    issuer: TokenIssuer,
    tenant_id: UUID,
    principal: Principal,
    agent_id: UUID | None = None,
) -> str | None:
    """A token of `principal`, of that organization if he acts in one."""
    outside: dict[Principal, Callable[[], str | None]] = {
        Principal.NOBODY: lambda: None,
        Principal.PERSON: issuer.person,
        Principal.SUPPORT_AGENT: lambda: issuer.platform(role="support_agent", sub=agent_id),
        Principal.PLATFORM_ADMIN: issuer.platform,
        Principal.SERVICE: issuer.service_to_service,
    }
    if principal in outside:
        return outside[principal]()
    if principal in PROGRAMS:
        role = principal.value.partition("(")[2].rstrip(")")
        return issuer.service(tenant_id=tenant_id, role=role)
    if principal in SUPPORT:
        return await _support(admin, issuer, tenant_id, principal)
    return issuer.person(tenant_id=tenant_id, role=principal.value)


async def _support(
    admin: asyncpg.Connection, issuer: TokenIssuer, tenant_id: UUID, principal: Principal
) -> str:
    who, _, mode = principal.value.partition(", ")
    role = who.partition(" as ")[2] or "support"
    member = uuid4() if " as " in who else None
    row = SupportSession(tenant_id, member_id=member, role=role, mode=mode)
    session = await row.insert(admin)
    return issuer.support(
        tenant_id=tenant_id,
        role=role,
        agent=session.agent_id,
        sub=member,
        sid=session.agent_sid,
        support_id=session.id,
        mode=mode,
    )
