"""What an organization's people may do now: a function of the organization and the moment."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared_lib.clock import utc_now
from tests.audit_events.trail import picked, told_once
from tests.conftest import MakeOrganization, Tenant
from tests.organizations.test_platform import staff

pytestmark = pytest.mark.database

STATUSES = ("active", "suspended", "deleting", "purged")
KINDS = ("worker", "client")
SQL = "SELECT access_mode($1, $2, $3, $4, $5)"
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
NOON = datetime(2030, 5, 1, 12, tzinfo=UTC)


def by_the_table(
    status: str, trial_ends_at: datetime | None, kind: str, now: datetime, *, paid: bool
) -> str:
    """Design section 8, word for word."""
    if status != "active":
        return "blocked"
    running = trial_ends_at is not None and now < trial_ends_at
    if running or paid:
        return "active"
    return {"worker": "read_only", "client": "blocked"}[kind]


@given(trial_ends_at=st.none() | INSTANTS, now=INSTANTS)
@example(trial_ends_at=NOON, now=NOON)
@example(trial_ends_at=NOON, now=NOON - timedelta(microseconds=1))
@example(trial_ends_at=NOON, now=NOON + timedelta(microseconds=1))
@settings(max_examples=60, deadline=None)
async def test_the_access_mode_is_that_of_the_design_at_every_instant(
    admin: asyncpg.Connection, trial_ends_at: datetime | None, now: datetime
) -> None:
    for status, kind, paid in product(STATUSES, KINDS, (True, False)):
        found = await admin.fetchval(SQL, status, trial_ends_at, paid, kind, now)
        assert found == by_the_table(status, trial_ends_at, kind, now, paid=paid)


def answered(response: httpx.Response) -> str:
    return "ok" if response.is_success else str(response.json()["detail"])


async def extend(tenant: Tenant, **body: object) -> Any:
    body = {"reason": "They asked for it"} | body
    return await staff(tenant, "POST", f"/admin/orgs/{tenant.id}/extend-trial", body)


async def ends_at(admin: asyncpg.Connection, tenant: Tenant) -> datetime:
    found: datetime = await admin.fetchval(
        "SELECT trial_ends_at FROM organizations WHERE tenant_id = $1", tenant.id
    )
    return found


async def test_the_mode_is_never_frozen_in_a_token(  # T9
    make_tenant: MakeOrganization, admin: asyncpg.Connection
) -> None:
    """One token, while the organization's trial ends, is extended, ends again, and is paid for."""
    tenant = await make_tenant(paid=False, trial_ends_at=utc_now() + timedelta(days=1))
    headers = {role: tenant.headers(role) for role in ("owner", "client")}

    async def may() -> tuple[str, str]:
        made = await tenant.client.post(
            "/api/v1/popups", json={"name": "x", "slug": "x"}, headers=headers["owner"]
        )
        if made.is_success:
            gone = f"/api/v1/popups/{made.json()['id']}"
            assert (await tenant.client.delete(gone, headers=headers["owner"])).is_success
        read = await tenant.client.get("/api/v1/popups", headers=headers["owner"])
        return answered(read), answered(made)

    async def trial_ended() -> None:
        await admin.execute(
            "UPDATE organizations SET trial_ends_at = now() - interval '1 second'"
            " WHERE tenant_id = $1",
            tenant.id,
        )

    assert await may() == ("ok", "ok")
    await trial_ended()
    assert await may() == ("ok", "read_only")
    assert (await extend(tenant, days=1)).status_code == 200
    assert await may() == ("ok", "ok")
    await trial_ended()
    path = f"/admin/orgs/{tenant.id}"
    assert (await staff(tenant, "POST", f"{path}/mark-paid", {})).status_code == 200
    assert await may() == ("ok", "ok")
    unpaid = await staff(tenant, "POST", f"{path}/mark-unpaid", {"reason": "Charged back"})
    assert unpaid.json()["access_mode"] == "read_only"
    assert await may() == ("ok", "read_only")
    assert (await staff(tenant, "POST", f"{path}/suspend", {"reason": "x"})).status_code == 200
    assert await may() == ("tenant_blocked", "tenant_blocked")  # T10


@pytest.mark.parametrize(
    ("paid", "ends_in", "left"),
    [
        (False, timedelta(days=30), 30),
        (False, timedelta(days=29, hours=1), 30),
        (False, timedelta(minutes=1), 1),
        (False, timedelta(minutes=-1), 0),
        (False, timedelta(days=-9), 0),
        (False, None, None),
        (True, timedelta(days=9), None),
    ],
)
async def test_days_that_are_left(
    make_tenant: MakeOrganization, ends_in: timedelta | None, left: int | None, *, paid: bool
) -> None:
    ends = None if ends_in is None else utc_now() + ends_in
    tenant = await make_tenant(paid=paid, trial_ends_at=ends)
    for path, role in (("/org", "viewer"), ("/org", "owner")):
        assert (await tenant.call("GET", path, role=role)).json()["trial_days_left"] == left


async def test_days_are_added_to_a_running_trial_and_counted_from_now_after_it(
    make_tenant: MakeOrganization, admin: asyncpg.Connection
) -> None:
    ends = utc_now() + timedelta(days=5)
    running = await make_tenant(paid=False, trial_ends_at=ends)
    assert (await extend(running, days=14)).json()["trial_days_left"] == 19
    assert await ends_at(admin, running) == ends + timedelta(days=14)
    for before in (None, utc_now() - timedelta(days=400)):
        over = await make_tenant(paid=False, trial_ends_at=before)
        since = utc_now()
        shown = (await extend(over, days=14)).json()
        assert (shown["access_mode"], shown["trial_days_left"]) == ("active", 14)
        assert since <= await ends_at(admin, over) - timedelta(days=14) <= utc_now()


async def test_an_end_is_taken_as_it_is(
    make_tenant: MakeOrganization, admin: asyncpg.Connection
) -> None:
    tenant = await make_tenant(paid=False, trial_ends_at=utc_now() - timedelta(days=5))
    until = (utc_now() + timedelta(days=40)).replace(microsecond=0)
    response = await extend(tenant, until=until.isoformat())
    assert response.status_code == 200, response.text
    assert await ends_at(admin, tenant) == until


async def test_it_is_told_with_reason_before_and_after(
    make_tenant: MakeOrganization, admin: asyncpg.Connection
) -> None:
    tenant = await make_tenant(paid=False, trial_ends_at=utc_now() + timedelta(days=1))
    before = await ends_at(admin, tenant)
    event = await told_once(admin, await extend(tenant, days=1, reason=" A good customer "))
    assert picked(event, "tenant_id", "action", "reason") == (
        *(tenant.id, "organizations.extend", "A good customer"),
    )
    after = await ends_at(admin, tenant)
    told = json.loads(event["changes"])["trial_ends_at"]
    assert [datetime.fromisoformat(each) for each in told] == [before, after]
    path = f"/admin/orgs/{tenant.id}"
    event = await told_once(admin, await staff(tenant, "POST", f"{path}/mark-paid", {}))
    assert picked(event, "tenant_id", "action") == (tenant.id, "organizations.mark")
    assert json.loads(event["changes"]) == {"paid": [False, True]}
    unpaid = await staff(tenant, "POST", f"{path}/mark-unpaid", {"reason": "Charged back"})
    event = await told_once(admin, unpaid)
    assert picked(event, "action", "reason") == ("organizations.mark", "Charged back")
    assert json.loads(event["changes"]) == {"paid": [True, False]}
    shown = (await tenant.call("GET", "/org/audit-log")).json()["results"]
    assert len(shown) == 3
    jobs = "SELECT count(*) FROM jobs WHERE tenant_id = $1"
    assert await admin.fetchval(jobs, tenant.id) == 0  # identity has nothing to do with it


async def test_marking_may_be_repeated(tenant: Tenant, admin: asyncpg.Connection) -> None:
    row = "SELECT paid, version, updated_at FROM organizations WHERE tenant_id = $1"
    before = await admin.fetchrow(row, tenant.id)
    for _ in range(2):
        response = await staff(tenant, "POST", f"/admin/orgs/{tenant.id}/mark-paid", {})
        assert (response.status_code, response.json()["paid"]) == (200, True)
        event = await told_once(admin, response)
        assert picked(event, "action", "changes") == ("organizations.mark", None)
    assert await admin.fetchrow(row, tenant.id) == before


async def test_two_extensions_at_once_are_two(
    make_tenant: MakeOrganization, admin: asyncpg.Connection
) -> None:
    ends = utc_now() + timedelta(days=5)
    tenant = await make_tenant(paid=False, trial_ends_at=ends)
    answers = await asyncio.gather(*(extend(tenant, days=7) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert await ends_at(admin, tenant) == ends + timedelta(days=28)


def _in(**length: float) -> str:
    return (utc_now() + timedelta(**length)).isoformat()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"days": 1, "until": _in(days=9)}, "body"),
        ({"days": 1, "reason": "absent"}, "body.reason"),
        ({"days": 1, "reason": "  "}, "body.reason"),
        ({"days": 0}, "body.days"),
        ({"days": -1}, "body.days"),
        ({"days": 366}, "body.days"),
        ({"days": 1.5}, "body.days"),
        ({"days": "7"}, "body.days"),
        ({"days": True}, "body.days"),
        ({"until": _in(days=1)}, "body.until"),  # sooner than it does
        ({"until": _in(days=-1)}, "body.until"),
        ({"until": _in(days=5 * 365 + 1)}, "body.until"),
        ({"until": "9999-12-31T23:59:59Z"}, "body.until"),
        ({"until": "2031-01-01"}, "body.until"),
        ({"until": 1_900_000_000}, "body.until"),
        ({"days": 1, "paid": True}, "body.paid"),
    ],
)
async def test_what_is_wrong_is_refused(
    make_tenant: MakeOrganization, admin: asyncpg.Connection, body: dict[str, object], field: str
) -> None:
    ends = utc_now() + timedelta(days=2)
    tenant = await make_tenant(paid=False, trial_ends_at=ends)
    body = {"reason": "x"} | body
    sent = {name: value for name, value in body.items() if value != "absent"}
    response = await staff(tenant, "POST", f"/admin/orgs/{tenant.id}/extend-trial", sent)
    assert response.status_code == 422, response.text
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert await ends_at(admin, tenant) == ends


async def test_days_end_where_a_trial_must(make_tenant: MakeOrganization) -> None:
    tenant = await make_tenant(paid=False, trial_ends_at=utc_now() + timedelta(days=5 * 365 - 1))
    response = await extend(tenant, days=2)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["body.days"]
