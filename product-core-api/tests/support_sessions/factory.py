"""A live support session and the token that uses it."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from tests.conftest import Tenant
from tests.operations import SupportSession


@dataclass(frozen=True)
class Agent:
    """A support agent inside an organization; `token` may differ from the row as a test wants."""

    tenant: Tenant
    session: SupportSession
    token: str

    async def call(self, method: str, path: str, json: object = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.tenant.client.request(
            method, f"/api/v1{path}", headers=headers, json=json
        )


def support_token(tenant: Tenant, session: SupportSession, **changes: Any) -> str:
    """The token of `session`, with claims replaced."""
    claims: dict[str, Any] = {
        "tenant_id": session.tenant_id,
        "role": session.role,
        "agent": session.agent_id,
        "sub": session.member_id,
        "sid": session.agent_sid,
        "support_id": session.id,
        "mode": session.mode,
    }
    return tenant.issuer.support(**(claims | changes))


async def enter(
    admin: asyncpg.Connection,
    tenant: Tenant,
    *,
    claims: dict[str, Any] | None = None,
    **row: Any,
) -> Agent:
    """Insert a session and act in it."""
    session = await SupportSession(tenant.id, **row).insert(admin)
    return Agent(tenant, session, support_token(tenant, session, **(claims or {})))


def with_claims(agent: Agent, **changes: UUID | str) -> Agent:
    return replace(agent, token=support_token(agent.tenant, agent.session, **changes))


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, "" if response.is_success else response.json()["detail"]
