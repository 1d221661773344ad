"""Organizations as the platform's admins create, show and rename them."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.tokens import TokenIssuer
from tests.audit_events.trail import PLATFORM, picked, told_once
from tests.conftest import MakeOrganization, Tenant
from tests.organizations.test_founding import found
from tests.organizations.test_platform import staff

pytestmark = pytest.mark.database

ADDRESS = "First.Owner+invited@mail.example.com"
SOME_ID = "01a1fa50-0000-7000-8000-000000000001"
ROW = "SELECT * FROM organizations WHERE tenant_id = $1"


def wish(**changes: object) -> dict[str, object]:
    good = {"name": "Acme", "slug": f"new-{uuid4().hex}", "first_owner_email": ADDRESS}
    return {name: value for name, value in (good | changes).items() if value != "absent"}


async def created(tenant: Tenant, **changes: object) -> UUID:
    response = await staff(tenant, "POST", "/admin/orgs", wish(**changes))
    assert response.status_code == 201, response.text
    return UUID(response.json()["id"])


async def test_it_is_on_trial_and_its_owner_is_named(
    tenant: Tenant, admin: asyncpg.Connection
) -> None:
    slug = f"new-{uuid4().hex}"
    given = f" {ADDRESS.replace('mail.', 'Mail.')} "
    body = wish(slug=slug, first_owner_email=given)
    response = await staff(tenant, "POST", "/admin/orgs", body)
    assert response.status_code == 201, response.text
    shown = response.json()
    assert (shown["slug"], shown["name"], shown["paid"]) == (slug, "Acme", False)
    assert (shown["access_mode"], shown["trial_days_left"]) == ("active", 30)
    row = await admin.fetchrow(ROW, UUID(shown["id"]))
    assert picked(row, "first_owner_email", "founder_id", "version") == (ADDRESS, None, 1)
    assert row["trial_ends_at"] - row["created_at"] == timedelta(days=30)
    event = await told_once(admin, response)
    assert picked(event, "action", "outcome", "resource_id", "actor_role") == (
        *("organizations.create", "succeeded", shown["id"], "platform_admin"),
    )
    jobs = await admin.fetch(
        "SELECT kind, arguments FROM jobs WHERE tenant_id = $1", UUID(shown["id"])
    )
    assert [tuple(job) for job in jobs] == [("tell_tenant", "{}")]


async def test_one_that_has_paid_has_no_trial(tenant: Tenant, admin: asyncpg.Connection) -> None:
    row = await admin.fetchrow(ROW, await created(tenant, paid=True))
    assert picked(row, "paid", "trial_ends_at") == (True, None)


async def test_the_address_goes_nowhere_else(tenant: Tenant, admin: asyncpg.Connection) -> None:
    tenant_id = await created(tenant)
    for table in ("audit_events", "row_history", "jobs"):
        rows = await admin.fetch(f"SELECT * FROM {table} WHERE tenant_id = $1", tenant_id)  # noqa: S608
        assert len(rows) == 1, table
        assert ADDRESS.lower() not in str(rows).lower(), table
    listed = await staff(tenant, "GET", "/admin/orgs?limit=1")
    assert listed.json()["results"][0]["id"] == str(tenant_id)
    assert ADDRESS not in listed.text
    headers = {"Authorization": f"Bearer {tenant.issuer.person(tenant_id=tenant_id, role='owner')}"}
    own = await tenant.client.get("/api/v1/org", headers=headers)
    assert own.status_code == 200
    assert ADDRESS not in own.text


async def test_a_slug_is_made_from_the_name(tenant: Tenant, admin: asyncpg.Connection) -> None:
    word = uuid4().hex
    row = await admin.fetchrow(ROW, await created(tenant, name=f"Zürich {word}", slug="absent"))
    assert row["slug"] == f"zurich-{word}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first_owner_email", "absent"),
        ("first_owner_email", None),
        ("first_owner_email", ""),
        ("first_owner_email", "nobody"),
        ("first_owner_email", "a@b"),
        ("first_owner_email", "a b@example.com"),
        ("first_owner_email", "a@example.com, b@example.com"),
        ("first_owner_email", "Name <a@example.com>"),
        ("first_owner_email", "a@example.com\nBcc: b@example.com"),
        ("first_owner_email", "a\x00@example.com"),
        ("first_owner_email", "ä@example.com"),
        ("first_owner_email", "a@-example.com"),
        ("first_owner_email", f"{'a' * 65}@example.com"),
        ("first_owner_email", f"a@{'b.' * 130}com"),
        ("name", "absent"),
        ("name", "a\x00b"),
        ("slug", "a_b"),
        ("paid", "yes"),
        ("paid", 1),
        ("founder_id", SOME_ID),
        ("tenant_id", SOME_ID),
        ("status", "active"),
        ("version", 7),
    ],
)
async def test_what_is_wrong_is_refused(tenant: Tenant, field: str, value: object) -> None:
    response = await staff(tenant, "POST", "/admin/orgs", wish(**{field: value}))
    assert response.status_code == 422, response.text
    assert [error["field"] for error in response.json()["errors"]] == [f"body.{field}"]


async def test_a_slug_that_is_taken_is_no_fault_of_ours(  # T27
    tenant: Tenant, other: Tenant, admin: asyncpg.Connection
) -> None:
    refused = await staff(tenant, "POST", "/admin/orgs", wish(slug=other.slug))
    assert (refused.status_code, refused.json()["detail"]) == (409, "slug_taken")
    event = await told_once(admin, refused)
    assert picked(event, "tenant_id", "outcome", "code") == (PLATFORM, "refused", "slug_taken")
    path, body = f"/admin/orgs/{tenant.id}", {"slug": other.slug}
    refused = await staff(tenant, "PATCH", path, body)
    assert (refused.status_code, refused.json()["detail"]) == (409, "slug_taken")
    assert (await admin.fetchrow(ROW, tenant.id))["slug"] == tenant.slug


async def test_of_many_who_want_one_slug_one_gets_it(  # T27
    make_tenant: MakeOrganization, issuer: TokenIssuer, admin: asyncpg.Connection
) -> None:
    """Whether they create, rename or found."""
    slug = f"wanted-{uuid4().hex}"
    tenants = [await make_tenant() for _ in range(3)]
    first = tenants[0]
    answers = await asyncio.gather(
        *(staff(first, "PATCH", f"/admin/orgs/{each.id}", {"slug": slug}) for each in tenants),
        *(staff(first, "POST", "/admin/orgs", wish(slug=slug)) for _ in range(3)),
        *(found(first.client, issuer.person(), slug=slug) for _ in range(3)),
    )
    assert sorted(answer.is_success for answer in answers) == [*[False] * 8, True]
    refused = [answer for answer in answers if answer.is_error]
    assert {(each.status_code, each.json()["detail"]) for each in refused} == {(409, "slug_taken")}
    assert await admin.fetchval("SELECT count(*) FROM organizations WHERE slug = $1", slug) == 1


async def test_a_change_leaves_alone_what_was_not_sent(  # T20
    tenant: Tenant, admin: asyncpg.Connection
) -> None:
    path, slug = f"/admin/orgs/{tenant.id}", f"renamed-{uuid4().hex}"
    before = dict(await admin.fetchrow(ROW, tenant.id))
    changes: tuple[dict[str, Any], ...] = ({"name": "Acme GmbH"}, {"slug": slug})
    for number, change in enumerate(changes, start=2):
        response = await staff(tenant, "PATCH", path, change)
        assert response.status_code == 200, response.text
        after = dict(await admin.fetchrow(ROW, tenant.id))
        ((name, value),) = change.items()
        assert after == before | change | {"version": number, "updated_at": after["updated_at"]}
        event = await told_once(admin, response)
        assert picked(event, "tenant_id", "action") == (tenant.id, "organizations.update")
        assert json.loads(event["changes"]) == {name: [before[name], value]}
        before = after
    for nothing in ({}, {"name": "Acme GmbH"}, {"slug": slug}):
        response = await staff(tenant, "PATCH", path, nothing)
        assert response.status_code == 200
        await told_once(admin, response)  # by whom it was asked
        assert dict(await admin.fetchrow(ROW, tenant.id)) == before
    assert await admin.fetchval("SELECT count(*) FROM jobs WHERE tenant_id = $1", tenant.id) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("name", " "),
        ("slug", None),
        ("slug", ""),
        ("slug", "A"),
        ("status", "active"),
        ("paid", True),
        ("trial_ends_at", "2099-01-01T00:00:00Z"),
        ("first_owner_email", ADDRESS),
        ("support_access", "read_write"),
    ],
)
async def test_what_a_change_may_not_say(
    tenant: Tenant, admin: asyncpg.Connection, field: str, value: object
) -> None:
    before = dict(await admin.fetchrow(ROW, tenant.id))
    response = await staff(tenant, "PATCH", f"/admin/orgs/{tenant.id}", {field: value})
    assert response.status_code == 422, response.text
    assert [error["field"] for error in response.json()["errors"]] == [f"body.{field}"]
    assert dict(await admin.fetchrow(ROW, tenant.id)) == before


async def test_admins_see_who_came_first_and_why_it_is_suspended(
    tenant: Tenant, issuer: TokenIssuer
) -> None:
    tenant_id = await created(tenant)
    path = f"/admin/orgs/{tenant_id}"
    await staff(tenant, "POST", f"{path}/suspend", {"reason": "Unpaid since May"})
    shown = (await staff(tenant, "GET", path)).json()
    assert (shown["first_owner_email"], shown["founder_id"]) == (ADDRESS, None)
    assert (shown["status"], shown["suspension_reason"]) == ("suspended", "Unpaid since May")
    assert shown["suspended_at"].endswith("Z")
    assert shown["version"] == 2
    person = uuid7()
    founded = (await found(tenant.client, issuer.person(sub=person))).json()["id"]
    shown = (await staff(tenant, "GET", f"/admin/orgs/{founded}")).json()
    assert (shown["first_owner_email"], shown["founder_id"]) == (None, str(person))


CHANGES: dict[str, tuple[str, str, object]] = {
    "update": ("PATCH", "", {"name": "Back"}),
    "extend": ("POST", "/extend-trial", {"days": 7, "reason": "x"}),
    "paid": ("POST", "/mark-paid", {}),
    "unpaid": ("POST", "/mark-unpaid", {"reason": "x"}),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
@pytest.mark.parametrize("status", ["deleting", "purged"])
async def test_what_is_deleted_stays_as_it_is(  # T33
    make_tenant: MakeOrganization, admin: asyncpg.Connection, status: str, change: str
) -> None:
    tenant = await make_tenant(status=status)
    method, path, body = CHANGES[change]
    before = dict(await admin.fetchrow(ROW, tenant.id))
    refused = await staff(tenant, method, f"/admin/orgs/{tenant.id}{path}", body)
    assert (refused.status_code, refused.json()["detail"]) == (409, "organization_ending")
    assert dict(await admin.fetchrow(ROW, tenant.id)) == before


@pytest.mark.parametrize("change", sorted([*CHANGES, "get"]))
async def test_unknown_and_bad_ids(tenant: Tenant, change: str) -> None:
    method, path, body = CHANGES.get(change, ("GET", "", None))
    missing = await staff(tenant, method, f"/admin/orgs/{uuid4()}{path}", body)
    assert (missing.status_code, missing.json()["detail"]) == (404, "organization_not_found")
    bad = await staff(tenant, method, f"/admin/orgs/x{path}", body)
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "path.tenant_id")


async def test_the_trail_outlives_its_organization(  # T12
    tenant: Tenant, admin: asyncpg.Connection, client: httpx.AsyncClient
) -> None:
    tenant_id = await created(tenant)
    await staff(tenant, "POST", f"/admin/orgs/{tenant_id}/suspend", {"reason": "They left"})
    await admin.execute("DELETE FROM organizations WHERE tenant_id = $1", tenant_id)
    log = await staff(tenant, "GET", f"/support/audit-log?tenant_id={tenant_id}")
    actions = [event["action"] for event in log.json()["results"]]
    assert actions == ["organizations.suspend", "organizations.create"]
