"""The resource that every later one is modelled on: create, show, change, delete."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.conftest import Tenant

pytestmark = pytest.mark.database

FULL = {
    "name": "Night Library",
    "slug": "night-library-2",
    "tagline": "Read until the lights go out",
    "location": "Porto",
    "starts_at": "2031-05-01T18:00:00+02:00",
    "ends_at": "2031-05-02T00:30:00.250+02:00",
    "status": "active",
}


async def create(tenant: Tenant, **values: Any) -> dict[str, Any]:
    response = await tenant.call("POST", "/popups", json={"name": "Spring Market"} | values)
    assert response.status_code == 201, response.text
    popup: dict[str, Any] = response.json()
    return popup


async def test_only_a_name_is_needed(tenant: Tenant) -> None:
    popup = await create(tenant, name="  Spring Márket! ")
    assert UUID(popup["id"]).version == 7
    assert popup["name"] == "Spring Márket!"
    assert popup["slug"] == "spring-market"
    assert popup["status"] == "draft"
    absent = ("tagline", "location", "starts_at", "ends_at")
    assert [popup[name] for name in absent] == [None] * 4
    assert popup["created_at"] == popup["updated_at"]
    assert popup["created_at"].endswith("Z")


async def test_every_field_is_kept_and_times_become_utc(tenant: Tenant) -> None:
    popup = await create(tenant, **FULL)
    shown = (await tenant.call("GET", f"/popups/{popup['id']}")).json()
    assert shown == popup
    assert {name: popup[name] for name in FULL} == FULL | {
        "starts_at": "2031-05-01T16:00:00Z",
        "ends_at": "2031-05-01T22:30:00.250000Z",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Renamed"),
        ("slug", "renamed"),
        ("tagline", "Another"),
        ("location", "Lisbon"),
        ("starts_at", "2031-04-30T18:00:00Z"),
        ("ends_at", "2031-05-03T00:00:00Z"),
        ("status", "archived"),
    ],
)
async def test_patch_changes_only_what_is_sent(tenant: Tenant, field: str, value: str) -> None:
    before = await create(tenant, **FULL)
    response = await tenant.call("PATCH", f"/popups/{before['id']}", json={field: value})
    assert response.status_code == 200, response.text
    after = response.json()
    assert (await tenant.call("GET", f"/popups/{before['id']}")).json() == after
    assert datetime.fromisoformat(after["updated_at"]) > datetime.fromisoformat(
        before["updated_at"]
    )
    assert after == before | {field: value, "updated_at": after["updated_at"]}


@pytest.mark.parametrize("field", ["tagline", "location", "starts_at", "ends_at"])
async def test_null_clears_an_optional_field(tenant: Tenant, field: str) -> None:
    before = await create(tenant, **FULL)
    response = await tenant.call("PATCH", f"/popups/{before['id']}", json={field: None})
    assert response.status_code == 200, response.text
    after = response.json()
    assert after == before | {field: None, "updated_at": after["updated_at"]}


@pytest.mark.parametrize("field", ["name", "slug", "status"])
async def test_null_is_refused_where_a_value_is_needed(tenant: Tenant, field: str) -> None:
    popup = await create(tenant, **FULL)
    response = await tenant.call("PATCH", f"/popups/{popup['id']}", json={field: None})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [f"body.{field}"]
    assert (await tenant.call("GET", f"/popups/{popup['id']}")).json() == popup


async def test_the_slug_outlives_a_new_name(tenant: Tenant) -> None:
    popup = await create(tenant, name="Spring Market")
    renamed = await tenant.call("PATCH", f"/popups/{popup['id']}", json={"name": "Autumn"})
    assert renamed.json()["slug"] == "spring-market"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Café & Söhne", "cafe-sohne"),
        ("--a--B--", "a-b"),
        ("東京", "untitled"),
        ("x" * 100, "x" * 63),
        ("y" * 62 + " z", "y" * 62),
    ],
)
async def test_a_slug_is_made_from_the_name(tenant: Tenant, name: str, slug: str) -> None:
    assert (await create(tenant, name=name))["slug"] == slug


async def test_a_slug_is_unique_in_its_organization_only(tenant: Tenant, other: Tenant) -> None:
    await create(tenant, name="Spring Market")
    second = await create(tenant, name="Second")
    made = await tenant.call("POST", "/popups", json={"name": "Spring, market"})
    given = await tenant.call("POST", "/popups", json={"name": "x", "slug": "spring-market"})
    path = f"/popups/{second['id']}"
    changed = await tenant.call("PATCH", path, json={"slug": "spring-market"})
    for refused in (made, given, changed):
        assert (refused.status_code, refused.json()["detail"]) == (409, "popup_slug_taken")
    assert (await tenant.call("GET", path)).json() == second
    assert (await create(other, name="Spring Market"))["slug"] == "spring-market"


async def test_a_popup_may_keep_its_slug(tenant: Tenant) -> None:
    popup = await create(tenant)
    same = await tenant.call("PATCH", f"/popups/{popup['id']}", json={"slug": popup["slug"]})
    assert same.status_code == 200


async def test_deleted_is_gone_and_its_slug_free(tenant: Tenant) -> None:
    popup = await create(tenant)
    path = f"/popups/{popup['id']}"
    deleted = await tenant.call("DELETE", path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        response = await tenant.call(method, path, json=body)
        assert (response.status_code, response.json()["detail"]) == (404, "popup_not_found")
    assert (await create(tenant))["slug"] == popup["slug"]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_what_never_was_is_404(tenant: Tenant, method: str) -> None:
    body = {"name": "x"} if method == "PATCH" else None
    response = await tenant.call(method, f"/popups/{uuid4()}", json=body)
    assert (response.status_code, response.json()["detail"]) == (404, "popup_not_found")


async def test_of_several_at_once_one_gets_the_slug(tenant: Tenant) -> None:
    body = {"name": "Spring Market"}
    answers = await asyncio.gather(*(tenant.call("POST", "/popups", json=body) for _ in range(8)))
    assert sorted(response.status_code for response in answers) == [201, *[409] * 7]
