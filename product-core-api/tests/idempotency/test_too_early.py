"""Who looks for a key before the first request is committed, and has the key's lock afterwards.

He sees no row and is refused for what the first has done: then he gets the answer of the first.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import Response

from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from shared_lib.tenancy import Tx
from shared_lib.tenancy._repeat import Repeat
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import MakeOrganization, Tenant
from tests.idempotency.keyed import POPUPS, Keyed, count_popups, refusal, replayed

pytestmark = pytest.mark.database


class Looks:
    """How often a key was looked for since `blind`; the first look after that sees no row."""

    def __init__(self) -> None:
        self.number = 1

    def blind(self) -> None:
        self.number = 0


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    found, find = Looks(), Repeat.find

    async def look(repeat: Repeat, tx: Tx) -> Response | None:
        found.number += 1
        return None if found.number == 1 else await find(repeat, tx)

    monkeypatch.setattr(Repeat, "find", look)
    return found


async def twice(
    looks: Looks, client: httpx.AsyncClient, token: str, path: str, body: dict[str, Any]
) -> httpx.Response:
    """What the second is answered, which is what the first was."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex}
    first = await client.post(path, json=body, headers=headers)
    assert first.is_success, first.text
    looks.blind()
    again = await client.post(path, json=body, headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert replayed(again)
    assert looks.number == 2
    return again


async def test_a_conflict_with_himself(
    looks: Looks, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    token = tenant.issuer.person(tenant_id=tenant.id, role="owner", sub=uuid7())
    await twice(looks, tenant.client, token, POPUPS, {"name": "Harbour"})
    assert await count_popups(admin, tenant) == 1


async def test_what_a_person_founds(
    looks: Looks, client: httpx.AsyncClient, issuer: TokenIssuer, admin: asyncpg.Connection
) -> None:
    person = uuid7()
    body = {"name": "Own", "slug": f"own-{uuid4().hex}"}
    await twice(looks, client, issuer.person(sub=person), "/api/v1/orgs", body)
    founded = "SELECT count(*) FROM organizations WHERE founder_id = $1"
    assert await admin.fetchval(founded, person) == 1


def by_days() -> dict[str, Any]:
    """Which may be done twice: only the key's own row is in the way."""
    return {"days": 7}


def until() -> dict[str, Any]:
    """Which is 422 when it is done again."""
    return {"until": (utc_now() + timedelta(days=10)).isoformat()}


@pytest.mark.parametrize("how", [by_days, until])
async def test_what_staff_do(
    looks: Looks,
    issuer: TokenIssuer,
    make_tenant: MakeOrganization,
    admin: asyncpg.Connection,
    how: Callable[[], dict[str, Any]],
) -> None:
    """Told of twice, the second time as an answer that was given again."""
    tenant = await make_tenant(paid=False, trial_ends_at=utc_now() + timedelta(days=3))
    path, body = f"/api/v1/admin/orgs/{tenant.id}/extend-trial", {**how(), "reason": "They asked"}
    shown = (await twice(looks, tenant.client, issuer.platform(), path, body)).json()
    assert shown["trial_days_left"] == 10
    events = await admin.fetch(
        "SELECT outcome, code FROM audit_events WHERE tenant_id = $1 ORDER BY occurred_at",
        tenant.id,
    )
    told = [("succeeded", None), ("succeeded", "idempotency_replayed")]
    assert [tuple(event) for event in events] == told


async def test_what_stands_in_the_way_of_another_key_does_so(looks: Looks, tenant: Tenant) -> None:
    ann = Keyed(tenant, tenant.client)
    assert (await ann.create("Harbour")).status_code == 201
    ann.key = uuid4().hex
    looks.blind()
    assert refusal(await ann.create("Harbour")) == (409, "popup_slug_taken")
    assert looks.number == 2
