"""Organizations as the platform's staff lists, finds, suspends and reactivates them."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import asyncpg
import httpx
import pytest

from shared_lib.clock import utc_now
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import MakeOrganization, Tenant

pytestmark = pytest.mark.database

LISTS = ("/admin/orgs", "/support/orgs")


async def staff(tenant: Tenant, method: str, path: str, json: object = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {tenant.issuer.platform()}"}
    return await tenant.client.request(method, f"/api/v1{path}", headers=headers, json=json)


async def found(tenant: Tenant, path: str, search: str) -> list[str]:
    response = await staff(tenant, "GET", f"{path}?{urlencode({'search': search})}")
    assert response.status_code == 200, response.text
    return [organization["id"] for organization in response.json()["results"]]


@pytest.fixture
async def named(
    admin: asyncpg.Connection, make_tenant: MakeOrganization
) -> tuple[str, list[Tenant]]:
    """Five organizations with a word of this test in their names, two of the same instant."""
    word = f"Wörd{uuid4().hex[:12]}"
    tenants = [await make_tenant() for _ in range(5)]
    for tenant, age in zip(tenants, (4, 2, 2, 9, 1), strict=True):
        await admin.execute(
            "UPDATE organizations SET name = 'x ' || $1 || '%_ y', created_at ="
            " date_trunc('minute', now()) - $2 * interval '1 minute' WHERE tenant_id = $3",
            *(word, age, tenant.id),
        )
    first, second, third, fourth, fifth = tenants
    return word, [fifth, *sorted((second, third), key=lambda t: t.id, reverse=True), first, fourth]


@pytest.mark.parametrize("path", LISTS)
async def test_search_in_names_whatever_the_case(
    named: tuple[str, list[Tenant]], path: str
) -> None:
    word, tenants = named
    newest_first = [str(tenant.id) for tenant in tenants]
    for search in (word, word.lower(), word.upper(), f"X {word}", f"{word}%_"):
        assert await found(tenants[0], path, search) == newest_first
    for search in (f"{word}%y", f"{word}__", f"{word}'", f"{word}\\", f"{word}x"):
        assert await found(tenants[0], path, search) == []


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("name", ["İstanbul Mutfak", "ΟΔΟΣ Athens"])
async def test_search_where_two_kinds_of_lower_case_differ(
    admin: asyncpg.Connection, tenant: Tenant, path: str, name: str
) -> None:
    await admin.execute("UPDATE organizations SET name = $2 WHERE tenant_id = $1", tenant.id, name)
    assert str(tenant.id) in await found(tenant, path, name.partition(" ")[0])


@pytest.mark.parametrize("path", LISTS)
async def test_search_in_slugs(tenant: Tenant, path: str) -> None:
    assert await found(tenant, path, tenant.slug.upper()) == [str(tenant.id)]
    assert await found(tenant, path, tenant.slug[3:]) == [str(tenant.id)]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_both_forms_walk_the_list_once(
    named: tuple[str, list[Tenant]], path: str, limit: int
) -> None:
    word, tenants = named
    for form in ({"cursor": ""}, {"skip": 0}):
        seen: list[str] = []
        query: dict[str, Any] | None = form
        while query is not None:
            url = f"{path}?{urlencode(query | {'search': word, 'limit': limit})}"
            answer = (await staff(tenants[0], "GET", url)).json()
            seen += [organization["id"] for organization in answer["results"]]
            assert len(seen) <= 5
            total = 5 if "skip" in query else None
            assert answer["paging"]["total"] == total
            cursor = answer["paging"]["next_cursor"]
            query = {"cursor": cursor} if cursor else None
        assert seen == [str(tenant.id) for tenant in tenants]


@pytest.mark.parametrize("path", LISTS)
async def test_without_a_search_all_are_listed(tenant: Tenant, path: str) -> None:
    for query in ("", "?search="):
        answer = (await staff(tenant, "GET", path + query)).json()
        assert answer["results"][0]["id"] == str(tenant.id)  # the newest
        assert answer["paging"]["total"] >= 1


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("search", ["\x00", "a\x00b", "s" * 101])
async def test_bad_searches_are_refused(tenant: Tenant, path: str, search: str) -> None:
    response = await staff(tenant, "GET", f"{path}?{urlencode({'search': search})}")
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["field"] == "query.search"


async def test_suspension_keeps_its_reason_until_it_is_lifted(
    admin: asyncpg.Connection, tenant: Tenant
) -> None:
    row = "SELECT * FROM organizations WHERE tenant_id = $1"
    path = f"/admin/orgs/{tenant.id}"
    suspended = await staff(tenant, "POST", f"{path}/suspend", {"reason": " Unpaid since May "})
    assert suspended.status_code == 200, suspended.text
    shown = suspended.json()
    assert (shown["status"], shown["access_mode"]) == ("suspended", "blocked")
    kept = await admin.fetchrow(row, tenant.id)
    assert (kept["suspension_reason"], kept["version"]) == ("Unpaid since May", 2)
    assert kept["suspended_at"] is not None
    reactivated = await staff(tenant, "POST", f"{path}/reactivate", {})
    assert reactivated.status_code == 200, reactivated.text
    assert reactivated.json()["access_mode"] == "active"
    kept = await admin.fetchrow(row, tenant.id)
    assert (kept["suspension_reason"], kept["suspended_at"]) == (None, None)
    assert kept["version"] == 3


@pytest.mark.parametrize("status", ["suspended", "deleting", "purged"])
async def test_only_active_organizations_are_suspended(
    make_tenant: MakeOrganization, status: str
) -> None:
    tenant = await make_tenant(status=status)
    response = await staff(tenant, "POST", f"/admin/orgs/{tenant.id}/suspend", {"reason": "x"})
    assert (response.status_code, response.json()["detail"]) == (409, "organization_not_active")


@pytest.mark.parametrize("status", ["active", "deleting", "purged"])
async def test_only_suspended_organizations_are_reactivated(
    make_tenant: MakeOrganization, status: str
) -> None:
    tenant = await make_tenant(status=status)
    response = await staff(tenant, "POST", f"/admin/orgs/{tenant.id}/reactivate", {})
    assert (response.status_code, response.json()["detail"]) == (
        *(409, "organization_not_suspended"),
    )
    assert (await tenant.call("GET", "/org")).json()["status"] == status


@pytest.mark.parametrize("verb", ["suspend", "reactivate"])
async def test_unknown_and_bad_ids(tenant: Tenant, verb: str) -> None:
    body: object = {"reason": "x"} if verb == "suspend" else {}
    missing = await staff(tenant, "POST", f"/admin/orgs/{uuid4()}/{verb}", body)
    assert (missing.status_code, missing.json()["detail"]) == (404, "organization_not_found")
    for identity in ("x", "%00", "00000000"):
        response = await staff(tenant, "POST", f"/admin/orgs/{identity}/{verb}", body)
        assert response.status_code == 422, response.text
        assert response.json()["errors"][0]["field"] == "path.tenant_id"


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"reason": None},
        {"reason": ""},
        {"reason": "   "},
        {"reason": "a\x00b"},
        {"reason": "r" * 1001},
        {"reason": "x", "until": "tomorrow"},
    ],
)
async def test_a_suspension_needs_its_reason(tenant: Tenant, body: object) -> None:
    response = await staff(tenant, "POST", f"/admin/orgs/{tenant.id}/suspend", body)
    assert (response.status_code, response.json()["detail"]) == (422, "validation_failed")
    assert (await tenant.call("GET", "/popups")).status_code == 200


async def test_lifting_takes_an_empty_object(make_tenant: MakeOrganization) -> None:
    tenant = await make_tenant(status="suspended")
    path = f"/admin/orgs/{tenant.id}/reactivate"
    wrong: tuple[object, ...] = (None, [], {"reason": "paid"})
    for body in wrong:
        assert (await staff(tenant, "POST", path, body)).status_code == 422
    assert (await staff(tenant, "POST", path, {})).status_code == 200


async def test_two_suspensions_at_once_are_one(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer
) -> None:
    path, body = f"/admin/orgs/{tenant.id}/suspend", {"reason": "Unpaid"}
    answers = await asyncio.gather(*(staff(tenant, "POST", path, body) for _ in range(6)))
    assert sorted(response.status_code for response in answers) == [200, *[409] * 5]
    told = "SELECT count(*) FROM audit_events WHERE tenant_id = $1 AND outcome = 'succeeded'"
    assert await admin.fetchval(told, tenant.id) == 1


async def ids_of(tenant: Tenant, **filters: object) -> list[str]:
    """Of the platform's list with these filters, in order."""
    response = await staff(tenant, "GET", f"/admin/orgs?{urlencode(filters)}")
    assert response.status_code == 200, response.text
    return [organization["id"] for organization in response.json()["results"]]


@pytest.fixture
async def varied(
    admin: asyncpg.Connection, make_tenant: MakeOrganization
) -> tuple[str, dict[str, Tenant]]:
    """Organizations in every state, a day apart, with a word of this test in their names."""
    word, soon, over = f"w{uuid4().hex}", utc_now() + timedelta(days=1), utc_now()
    tenants = {
        "paid": await make_tenant(),
        "trial": await make_tenant(paid=False, trial_ends_at=soon),
        "over": await make_tenant(paid=False, trial_ends_at=over),
        "suspended": await make_tenant(status="suspended"),
        "deleting": await make_tenant(status="deleting", paid=False),
        "purged": await make_tenant(status="purged", paid=False),
    }
    for age, tenant in enumerate(tenants.values()):
        await admin.execute(
            "UPDATE organizations SET name = $1, created_at ="
            " timestamptz '2026-06-30T12:00:00Z' - $2 * interval '1 day' WHERE tenant_id = $3",
            *(word, age, tenant.id),
        )
    return word, tenants


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["paid", "trial", "over", "suspended", "deleting"]),  # T33
        ({"status": "active"}, ["paid", "trial", "over"]),
        ({"status": "suspended"}, ["suspended"]),
        ({"status": "deleting"}, ["deleting"]),
        ({"status": "purged"}, ["purged"]),
        ({"access_mode": "active"}, ["paid", "trial"]),
        ({"access_mode": "read_only"}, ["over"]),
        ({"access_mode": "blocked"}, ["suspended", "deleting"]),
        ({"paid": "true"}, ["paid", "suspended"]),
        ({"paid": "false"}, ["trial", "over", "deleting"]),
        ({"paid": "false", "status": "active"}, ["trial", "over"]),
        ({"created_from": "2026-06-28T12:00:00Z"}, ["paid", "trial", "over"]),
        ({"created_before": "2026-06-28T12:00:00Z"}, ["suspended", "deleting"]),
        (
            {
                "created_from": "2026-06-28T14:00:00+02:00",
                "created_before": "2026-06-30T12:00:00Z",
                "access_mode": "active",
                "paid": "false",
            },
            ["trial"],
        ),
        ({"created_from": "2026-07-01T00:00:00Z"}, []),
    ],
)
async def test_filters_narrow_the_list(
    varied: tuple[str, dict[str, Tenant]], filters: dict[str, str], names: list[str]
) -> None:
    word, tenants = varied
    wanted = [str(tenants[name].id) for name in names]
    assert await ids_of(tenants["paid"], search=word, **filters) == wanted
    walked: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = urlencode({"search": word, "limit": 2, "cursor": cursor, **filters})
        answer = (await staff(tenants["paid"], "GET", f"/admin/orgs?{query}")).json()
        walked += [organization["id"] for organization in answer["results"]]
        cursor = answer["paging"]["next_cursor"]
    assert walked == wanted


async def test_support_finds_no_purged_organization(  # T33
    varied: tuple[str, dict[str, Tenant]],
) -> None:
    word, tenants = varied
    wanted = [str(tenant.id) for name, tenant in tenants.items() if name != "purged"]
    assert await found(tenants["paid"], "/support/orgs", word) == wanted


@pytest.mark.parametrize(
    "bad",
    [
        {"status": "x"},
        {"status": ""},
        {"access_mode": "full"},
        *({"paid": word} for word in ("perhaps", "n", "1", "on", "True", "")),
        {"created_from": "2026-06-28"},
        {"created_before": "0001-01-01T00:00:00+14:00"},
    ],
)
async def test_bad_filters_are_refused(tenant: Tenant, bad: dict[str, str]) -> None:
    response = await staff(tenant, "GET", f"/admin/orgs?{urlencode(bad)}")
    assert response.status_code == 422, response.text
    assert [error["field"] for error in response.json()["errors"]] == [f"query.{next(iter(bad))}"]


async def test_support_does_not_enter_a_purged_organization(  # T33
    make_tenant: MakeOrganization,
) -> None:
    tenant = await make_tenant(status="purged", support_access="read_write")
    body = {"reason": "They say it is gone"}
    refused = await staff(tenant, "POST", f"/support/impersonate/{tenant.id}", body)
    assert (refused.status_code, refused.json()["detail"]) == (404, "organization_not_found")
