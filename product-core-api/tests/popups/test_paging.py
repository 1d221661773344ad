"""Lists: both forms walk the whole list exactly once, newest first, whatever happens."""

from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest

from tests.conftest import Tenant
from tests.operations import insert_popup

pytestmark = pytest.mark.database


async def page(tenant: Tenant, **query: object) -> dict[str, Any]:
    response = await tenant.call("GET", f"/popups?{urlencode(query)}")
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert set(answer) == {"results", "paging"}
    assert set(answer["paging"]) == {"skip", "limit", "total", "next_cursor"}
    return answer


@pytest.fixture
async def newest_first(admin: asyncpg.Connection, tenant: Tenant, other: Tenant) -> list[str]:
    """Ids of seven popups as a list must show them; three were created in the same instant."""
    ids = [await insert_popup(admin, tenant.id, f"Popup {number}") for number in range(7)]
    await insert_popup(admin, other.id, "Of somebody else")
    ages = dict(zip(ids, (5, 3, 3, 3, 9, 1, 7), strict=True))
    for popup_id, age in ages.items():
        await admin.execute(
            "UPDATE popups SET created_at = date_trunc('minute', now()) - $1 * interval '1 minute'"
            " WHERE id = $2",
            *(age, popup_id),
        )
    ordered = sorted(ids, key=lambda popup_id: (-ages[popup_id], popup_id), reverse=True)
    return [str(popup_id) for popup_id in ordered]


async def walk(tenant: Tenant, first: dict[str, Any], limit: int) -> list[str]:
    found = [popup["id"] for popup in first["results"]]
    cursor = first["paging"]["next_cursor"]
    while cursor is not None:
        following = await page(tenant, cursor=cursor, limit=limit)
        assert following["results"], "a cursor leads to at least one more"
        found += [popup["id"] for popup in following["results"]]
        assert len(found) == len(set(found)), "no row is shown twice"
        cursor = following["paging"]["next_cursor"]
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
async def test_the_cursor_form_walks_the_list_once(
    tenant: Tenant, newest_first: list[str], limit: int
) -> None:
    first = await page(tenant, cursor="", limit=limit)
    paging = first["paging"]
    assert (paging["skip"], paging["total"], paging["limit"]) == (None, None, limit)
    assert await walk(tenant, first, limit) == newest_first


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
async def test_the_skip_form_leads_into_the_cursor_form(
    tenant: Tenant, newest_first: list[str], limit: int
) -> None:
    first = await page(tenant, skip=0, limit=limit)
    assert (first["paging"]["skip"], first["paging"]["total"]) == (0, 7)
    assert await walk(tenant, first, limit) == newest_first
    found: list[str] = []
    for skip in range(0, 7, limit):
        part = await page(tenant, skip=skip, limit=limit)
        assert (part["paging"]["skip"], part["paging"]["total"]) == (skip, 7)
        assert (part["paging"]["next_cursor"] is None) == (skip + limit >= 7)
        found += [popup["id"] for popup in part["results"]]
    assert found == newest_first


async def test_without_anything_the_list_is_counted(
    tenant: Tenant, newest_first: list[str]
) -> None:
    whole = await page(tenant)
    assert [popup["id"] for popup in whole["results"]] == newest_first
    assert whole["paging"] == {"skip": 0, "limit": 50, "total": 7, "next_cursor": None}


async def test_skip_beyond_the_end_is_empty(tenant: Tenant, newest_first: list[str]) -> None:
    beyond = await page(tenant, skip=1_000_000_000)
    assert beyond["results"] == []
    assert (beyond["paging"]["total"], beyond["paging"]["next_cursor"]) == (7, None)


async def test_an_empty_list(tenant: Tenant) -> None:
    empty = {"results": [], "paging": {"skip": 0, "limit": 50, "total": 0, "next_cursor": None}}
    assert await page(tenant) == empty
    assert (await page(tenant, cursor=""))["results"] == []


async def test_a_new_row_moves_nothing_for_a_cursor(
    admin: asyncpg.Connection, tenant: Tenant, newest_first: list[str]
) -> None:
    first = await page(tenant, cursor="", limit=3)
    await insert_popup(admin, tenant.id, "Newer than all")
    gone = newest_first[2]  # the very row that the cursor points at
    await admin.execute("DELETE FROM popups WHERE id = $1", gone)
    assert await walk(tenant, first, 3) == newest_first


async def test_a_hundred_is_the_most(admin: asyncpg.Connection, tenant: Tenant) -> None:
    await admin.execute(
        "INSERT INTO popups (tenant_id, id, name, slug, status, created_at, updated_at)"
        " SELECT $1, gen_random_uuid(), 'x', 'x-' || n, 'draft', now(), now()"
        " FROM generate_series(1, 101) n",
        tenant.id,
    )
    first = await page(tenant, limit=100)
    assert (len(first["results"]), first["paging"]["total"]) == (100, 101)
    found = await walk(tenant, await page(tenant, cursor="", limit=33), 33)
    assert (len(found), len(set(found))) == (101, 101)
    assert len((await page(tenant))["results"]) == 50


CURSOR = urlsafe_b64encode(bytes(24)).decode()


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": -1},
        {"limit": "many"},
        {"limit": "\x00"},
        {"skip": -1},
        {"skip": "1.5"},
        {"skip": "\x00"},
        {"skip": 1_000_000_001},
        {"skip": 2**63},
        {"cursor": "x"},
        {"cursor": "\x00"},
        {"cursor": "\x00" * 32},
        {"cursor": "é" * 32},
        {"cursor": "!" * 32},
        {"cursor": "=" * 32},
        {"cursor": "a" * 31 + "="},
        {"cursor": CURSOR + CURSOR},
        {"cursor": urlsafe_b64encode(b"\xff" * 23 + b"\x00").decode() + " "},
        {"cursor": urlsafe_b64encode(b"\x7f" + b"\xff" * 23).decode()},
        {"cursor": urlsafe_b64encode(b"\x80" + b"\x00" * 23).decode()},
        {"cursor": "", "skip": 0},
        {"cursor": CURSOR, "skip": 5},
    ],
)
async def test_bad_queries_are_refused(tenant: Tenant, query: dict[str, object]) -> None:
    response = await tenant.call("GET", f"/popups?{urlencode(query)}")
    assert response.status_code == 422, response.text
    fields = {error["field"] for error in response.json()["errors"]}
    assert fields <= {f"query.{name}" for name in query}
    assert fields


async def test_cursors_at_the_ends_of_time(tenant: Tenant, newest_first: list[str]) -> None:
    """Forged, yet well-formed: they find what lies before them, and no error."""
    for microseconds, expected in (
        (-62_135_596_800_000_000, []),  # year 1
        (253_402_300_799_999_999, newest_first),  # year 9999
    ):
        raw = microseconds.to_bytes(8, "big", signed=True) + b"\xff" * 16
        found = await page(tenant, cursor=urlsafe_b64encode(raw).decode())
        assert [popup["id"] for popup in found["results"]] == expected
