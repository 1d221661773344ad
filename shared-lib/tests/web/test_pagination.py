"""Lists: what may be asked for, and what the answer says about the rest."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from shared_lib.errors import install_error_handlers
from shared_lib.web import Json, Listing, Page, Position

NEWEST = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ThingRead:
    id: UUID
    created_at: datetime


# Newest first; pairs share an instant, so that the id decides.
THINGS = sorted(
    (ThingRead(uuid4(), NEWEST - timedelta(microseconds=number // 2)) for number in range(7)),
    key=lambda thing: (thing.created_at, thing.id),
    reverse=True,
)


def documented() -> FastAPI:
    app = FastAPI()
    install_error_handlers(app)

    @app.get("/things", response_model=Listing[ThingRead])
    async def list_things(page: Page) -> Json:
        after = page.after
        rows = [
            thing
            for thing in THINGS
            if after is None or (thing.created_at, thing.id) < (after.created_at, after.id)
        ]
        rows = rows[page.skip : page.skip + page.fetch]
        return Json(Listing.of(rows, page, len(THINGS) if page.counts else None))

    return app


@pytest.fixture
async def things() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=documented())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def read(client: httpx.AsyncClient, query: str) -> tuple[list[str], dict[str, Any]]:
    response = await client.get(f"/things{query}")
    assert response.status_code == 200, response.text
    TypeAdapter(Listing[ThingRead]).validate_json(response.content)
    body = response.json()
    assert set(body) == {"results", "paging"}
    return [row["id"] for row in body["results"]], body["paging"]


def ids(start: int, stop: int) -> list[str]:
    return [str(thing.id) for thing in THINGS[start:stop]]


async def test_the_first_page_counts_unless_told_otherwise(things: httpx.AsyncClient) -> None:
    found, paging = await read(things, "")
    assert found == ids(0, 7)
    assert paging == {"skip": 0, "limit": 50, "total": 7, "next_cursor": None}


async def test_skip_and_limit(things: httpx.AsyncClient) -> None:
    found, paging = await read(things, "?skip=2&limit=3")
    assert found == ids(2, 5)
    cursor = paging.pop("next_cursor")
    assert paging == {"skip": 2, "limit": 3, "total": 7}
    found, _ = await read(things, f"?limit=3&cursor={cursor}")
    assert found == ids(5, 7)


async def test_cursors_walk_the_whole_list_once(things: httpx.AsyncClient) -> None:
    seen: list[str] = []
    cursor = ""
    pages = 0
    while True:
        found, paging = await read(things, f"?limit=2&cursor={cursor}")
        assert (paging["skip"], paging["total"], paging["limit"]) == (None, None, 2)
        seen += found
        pages += 1
        if paging["next_cursor"] is None:
            break
        cursor = paging["next_cursor"]
    assert (seen, pages) == (ids(0, 7), 4)


async def test_a_last_page_that_is_full_says_that_it_is_the_last(
    things: httpx.AsyncClient,
) -> None:
    _, paging = await read(things, "?limit=7&cursor=")
    assert paging["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("skip=-1", "query.skip", "greater_than_equal"),
        ("skip=99999999999999999999", "query.skip", "less_than_equal"),
        ("limit=0", "query.limit", "greater_than_equal"),
        ("limit=101", "query.limit", "less_than_equal"),
        ("limit=x", "query.limit", "int_parsing"),
        ("cursor=&skip=0", "query.cursor", "cursor_with_skip"),
        ("cursor=x&skip=3", "query.cursor", "cursor_with_skip"),
        ("cursor=x", "query.cursor", "cursor_invalid"),
        ("cursor=" + "A" * 31, "query.cursor", "cursor_invalid"),
        ("cursor=" + "A" * 33, "query.cursor", "cursor_invalid"),
        ("cursor=" + "%2B" * 32, "query.cursor", "cursor_invalid"),  # base64, not base64url
        ("cursor=" + "%C3%A9" * 32, "query.cursor", "cursor_invalid"),
        ("cursor=" + "_" * 32 + "%3D", "query.cursor", "cursor_invalid"),
        ("cursor=f" + "_" * 31, "query.cursor", "cursor_invalid"),  # the year 292277
    ],
)
async def test_what_does_not_fit_is_422(
    things: httpx.AsyncClient, query: str, field: str, code: str
) -> None:
    response = await things.get(f"/things?{query}")
    assert response.status_code == 422
    assert response.json()["detail"] == "validation_failed"
    assert [(error["field"], error["code"]) for error in response.json()["errors"]] == [
        (field, code)
    ]


@settings(deadline=None)
@given(
    st.datetimes(timezones=st.just(UTC)),
    st.uuids(),
)
def test_a_cursor_is_the_position_exactly(created_at: datetime, row_id: UUID) -> None:
    position = Position(created_at, row_id)
    cursor = position.cursor()
    assert Position.from_cursor(cursor) == position
    assert len(base64.urlsafe_b64decode(cursor)) == 24
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@settings(deadline=None)
@given(st.text(max_size=40))
def test_no_text_is_more_than_refused(cursor: str) -> None:
    try:
        position = Position.from_cursor(cursor)
    except ValueError:
        return
    assert position.cursor() == cursor


def test_the_document_names_the_schema_and_says_what_counting_costs() -> None:
    document = documented().openapi()
    operation = document["paths"]["/things"]["get"]
    assert operation["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/ThingListing"
    }
    listing = document["components"]["schemas"]["ThingListing"]
    assert listing["properties"]["results"]["items"] == {"$ref": "#/components/schemas/ThingRead"}
    assert listing["required"] == ["results", "paging"]
    described = {each["name"]: each["description"] for each in operation["parameters"]}
    assert list(described) == ["skip", "limit", "cursor"]
    assert "counts the whole list" in described["skip"]
    assert "does not count" in described["cursor"]
