"""Security events of the identity service: who may tell of them, once each, and who sees them."""

import asyncio
import json
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import IDENTITY_AUDIENCE
from tests.audit_events.trail import PLATFORM
from tests.conftest import Tenant
from tests.operations import security_event

pytestmark = pytest.mark.database

SOME_ID = "01a1fa50-0000-7000-8000-000000000001"
PATH = "/internal/audit-events"
ROWS = "SELECT * FROM audit_events WHERE id = ANY ($1) ORDER BY id"


async def tell(tenant: Tenant, *events: dict[str, Any]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {tenant.issuer.service_to_service()}"}
    return await tenant.client.post(PATH, json={"events": list(events)}, headers=headers)


async def rows(admin: asyncpg.Connection, *events: dict[str, Any]) -> list[dict[str, Any]]:
    found = await admin.fetch(ROWS, [UUID(event["id"]) for event in events])
    return [dict(row) for row in found]


async def test_an_event_is_kept_to_the_letter(tenant: Tenant, admin: asyncpg.Connection) -> None:
    event: Any = security_event(tenant.id, reason="They left", code="x", outcome="refused")
    assert (await tell(tenant, event)).status_code == 204
    (row,) = await rows(admin, event)
    assert row.pop("support_session_id") is None
    assert json.loads(row.pop("changes")) == event["changes"]
    assert row.pop("occurred_at").isoformat() == event["occurred_at"]
    assert {name: str(value) for name, value in row.items()} == {
        name: value for name, value in event.items() if name not in ("changes", "occurred_at")
    }


async def test_it_shows_in_the_log_of_its_organization(
    tenant: Tenant, other: Tenant, issuer: TokenIssuer
) -> None:
    event: Any = security_event(tenant.id)
    await tell(tenant, event)
    shown = (await tenant.call("GET", "/org/audit-log")).json()["results"]
    assert [one["id"] for one in shown] == [event["id"]]
    assert shown[0]["changes"] == {"role": ["viewer", "admin"]}
    assert (await other.call("GET", "/org/audit-log")).json()["results"] == []
    headers = {"Authorization": f"Bearer {issuer.platform()}"}
    log = f"/api/v1/support/audit-log?tenant_id={tenant.id}"
    seen = (await tenant.client.get(log, headers=headers)).json()["results"]
    assert event["id"] in {one["id"] for one in seen}


async def test_one_of_no_organization_shows_in_the_platforms_own(
    tenant: Tenant, issuer: TokenIssuer
) -> None:
    person = uuid7()
    event: Any = security_event(PLATFORM, actor_id=str(person), action="people.deactivate")
    assert (await tell(tenant, event)).status_code == 204
    headers = {"Authorization": f"Bearer {issuer.platform()}"}
    log = f"/api/v1/support/audit-log?tenant_id={PLATFORM}&limit=100"
    seen = (await tenant.client.get(log, headers=headers)).json()["results"]
    assert event["id"] in {one["id"] for one in seen}
    assert (await tenant.call("GET", "/org/audit-log")).json()["results"] == []


async def test_repeating_it_changes_nothing(tenant: Tenant, admin: asyncpg.Connection) -> None:
    first: Any = security_event(tenant.id)
    second: Any = security_event(tenant.id)
    assert (await tell(tenant, first)).status_code == 204
    before = await rows(admin, first)
    forged = first | {"action": "members.invite", "outcome": "failed"}
    assert (await tell(tenant, forged, second, first)).status_code == 204
    assert await rows(admin, first) == before
    answers = await asyncio.gather(*(tell(tenant, second, first) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {204}
    assert len(await rows(admin, first, second)) == 2


async def test_text_that_looks_like_an_escape_is_text(
    tenant: Tenant, admin: asyncpg.Connection
) -> None:
    event: Any = security_event(tenant.id, changes={"name": ["\\u0000", 1, None, True]})
    assert (await tell(tenant, event)).status_code == 204
    (row,) = await rows(admin, event)
    assert json.loads(row["changes"]) == event["changes"]


async def test_one_id_in_two_organizations_is_two_events(
    tenant: Tenant, other: Tenant, admin: asyncpg.Connection
) -> None:
    first: Any = security_event(tenant.id)
    assert (await tell(tenant, first, first | {"tenant_id": str(other.id)})).status_code == 204
    assert {row["tenant_id"] for row in await rows(admin, first)} == {tenant.id, other.id}
    # Other tests walk the log of all and know events by their ids.
    await admin.execute("DELETE FROM audit_events WHERE tenant_id = $1", other.id)


async def test_a_thousand_at_once(tenant: Tenant, admin: asyncpg.Connection) -> None:
    events: list[Any] = [security_event(tenant.id, changes=None) for _ in range(1000)]
    assert (await tell(tenant, *events)).status_code == 204
    assert len(await rows(admin, *events)) == 1000


async def test_only_a_service_may_tell(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer
) -> None:
    event: Any = security_event(tenant.id)
    tokens = [
        issuer.person(tenant_id=tenant.id, role="owner"),
        issuer.service(tenant_id=tenant.id, role="owner", client_id="identity-service"),
        issuer.platform(),
        issuer.support(tenant_id=tenant.id),
        issuer.service_to_service(audience=IDENTITY_AUDIENCE),
    ]
    for token in tokens:
        response = await tenant.client.post(
            PATH, json={"events": [event]}, headers={"Authorization": f"Bearer {token}"}
        )
        assert (response.status_code, response.json()["detail"]) == (401, "invalid_token")
    nobody = await tenant.client.post(PATH, json={"events": [event]})
    assert (nobody.status_code, nobody.json()["detail"]) == (401, "missing_token")
    assert await rows(admin, event) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tenant_id", "absent"),
        ("tenant_id", None),
        ("id", "x"),
        ("occurred_at", "2031-05-01T00:00:00"),
        ("occurred_at", 1_900_000_000),
        ("action", "absent"),
        ("action", "members"),
        ("action", "Members.update"),
        ("outcome", "done"),
        ("client_ip", None),
        ("user_agent", "a\x00b"),
        ("reason", "r" * 2001),
        ("changes", ["role"]),
        ("changes", {"name": ["a", "b\x00"]}),
        ("changes", {"na\x00me": []}),
        ("changes", {"name": [{"first": "\x00"}, None]}),
        ("support_session_id", SOME_ID),
        ("more", 1),
    ],
)
async def test_one_wrong_event_refuses_them_all(
    tenant: Tenant, admin: asyncpg.Connection, field: str, value: object
) -> None:
    good: Any = security_event(tenant.id)
    response = await tell(tenant, good, security_event(tenant.id, **{field: value}))
    assert (response.status_code, response.json()["detail"]) == (422, "validation_failed")
    assert response.json()["errors"][0]["field"] == f"body.events.1.{field}"
    assert await rows(admin, good) == []


@pytest.mark.parametrize("number", [0, 1001])
async def test_batches_have_a_length(tenant: Tenant, number: int) -> None:
    event = security_event(tenant.id, changes=None)
    assert (await tell(tenant, *[event] * number)).status_code == 422
