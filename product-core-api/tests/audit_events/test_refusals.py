"""Refusals of staff and support are told of, at whatever point they happen."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Depends, HTTPException

from app.core.middleware import RoleChecker
from app.core.settings import CoreSettings
from shared_lib.ids import uuid7
from shared_lib.testing.tokens import TokenIssuer
from tests.audit_events.trail import PLATFORM, picked, told_once
from tests.conftest import Tenant
from tests.operations import SupportSession
from tests.revocations.test_revocations import deliver, revocation
from tests.support_sessions.factory import enter
from tests.transactions.conftest import serve

pytestmark = pytest.mark.database

JSON = {"content-type": "application/json"}


def staff(issuer: TokenIssuer, role: str = "platform_admin") -> dict[str, str]:
    return {"Authorization": f"Bearer {issuer.platform(role=role)}"}


async def test_revoked_staff_is_told_of(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer
) -> None:
    sid = uuid7()
    headers = {"Authorization": f"Bearer {issuer.platform(sid=sid)}"}
    await deliver(tenant.client, issuer, revocation("session", sid))
    for method, path, where in (
        ("GET", "/admin/orgs", PLATFORM),
        ("POST", f"/admin/orgs/{tenant.id}/suspend", tenant.id),
    ):
        body = {"reason": "Unpaid"} if method == "POST" else None
        response = await tenant.client.request(method, f"/api/v1{path}", headers=headers, json=body)
        assert response.json()["detail"] == "token_revoked"
        event = await told_once(admin, response)
        assert picked(event, "outcome", "code", "tenant_id") == ("refused", "token_revoked", where)


@pytest.mark.parametrize("ended", [True, False])
async def test_a_dead_support_token_is_told_of(
    admin: asyncpg.Connection, tenant: Tenant, *, ended: bool
) -> None:
    claims = {} if ended else {"support_id": SupportSession(tenant.id).id}
    agent = await enter(admin, tenant, ended=ended, claims=claims)
    response = await agent.call("GET", "/popups")
    assert response.json()["detail"] == "token_revoked"
    event = await told_once(admin, response)
    assert picked(event, "tenant_id", "actor_id", "outcome", "code") == (
        *(tenant.id, agent.session.agent_id, "refused", "token_revoked"),
    )
    assert event["reason"] == (agent.session.reason if ended else None)


async def test_wrong_values_of_staff_are_told_of(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer
) -> None:
    path = f"/api/v1/admin/orgs/{tenant.id}/suspend"
    response = await tenant.client.post(path, headers=staff(issuer), json={})
    event = await told_once(admin, response)
    assert picked(event, "tenant_id", "outcome", "code") == (
        *(tenant.id, "refused", "validation_failed"),
    )


@pytest.mark.parametrize(
    ("method", "outcome", "code"),
    [("GET", "succeeded", None), ("POST", "refused", "http_307")],
)
async def test_a_redirect_that_is_raised_tells_of_no_change(
    admin: asyncpg.Connection,
    settings: CoreSettings,
    issuer: TokenIssuer,
    method: str,
    outcome: str,
    code: str | None,
) -> None:
    """What is raised rolls back whatever was changed."""
    router = APIRouter()

    @router.api_route(
        "/moved", methods=[method], dependencies=[Depends(RoleChecker(["platform_admin"]))]
    )
    async def moved() -> None:
        raise HTTPException(307, headers={"location": "/elsewhere"})

    async with serve(settings, router) as client:
        response = await client.request(method, "/moved", headers=staff(issuer))
    assert (response.status_code, response.headers["location"]) == (307, "/elsewhere")
    event = await told_once(admin, response)
    assert picked(event, "tenant_id", "outcome", "code") == (PLATFORM, outcome, code)


@pytest.mark.parametrize(
    ("content", "code"),
    [(b'{"reason": "\xff"}', "bad_request"), (b" " * (2**20 + 1), "body_too_large")],
    ids=["no utf-8", "too large"],
)
async def test_the_event_has_the_code_of_the_answer(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer, content: bytes, code: str
) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        yield content  # without Content-Length, so that the length shows while it is read

    path = f"/api/v1/admin/orgs/{tenant.id}/suspend"
    headers = staff(issuer) | JSON
    response = await tenant.client.post(path, headers=headers, content=in_pieces())
    assert response.json()["detail"] == code
    event = await told_once(admin, response)
    assert picked(event, "outcome", "code") == ("refused", code)


@pytest.mark.parametrize("identity", ["%00", "a%00b", "x" * 5000, "%F0%9F%92%A9", "%FF"])
async def test_hostile_ids_of_staff_and_support_are_refused_and_told_of(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer, identity: str
) -> None:
    agent = await enter(admin, tenant)
    calls: list[httpx.Response] = [
        await agent.call("GET", f"/popups/{identity}"),
        await tenant.client.delete(
            f"/api/v1/support/impersonate/{identity}", headers=staff(issuer)
        ),
        await tenant.client.post(
            f"/api/v1/admin/orgs/{identity}/reactivate", headers=staff(issuer), json={}
        ),
        await tenant.client.get(
            f"/api/v1/support/audit-log?tenant_id={identity}", headers=staff(issuer)
        ),
    ]
    for response in calls:
        assert response.status_code == 422, response.text
        event = await told_once(admin, response)
        assert picked(event, "outcome", "code") == ("refused", "validation_failed")
        assert len(event["resource_id"] or "") < 1000


@pytest.mark.parametrize("path", ["/org", "/popups", "/org/audit-log"])
async def test_staff_at_an_organizations_door_is_told_of(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer, path: str
) -> None:
    response = await tenant.client.get(f"/api/v1{path}", headers=staff(issuer, "support_agent"))
    event = await told_once(admin, response)
    assert picked(event, "outcome", "code", "tenant_id") == ("refused", "tenant_required", PLATFORM)
