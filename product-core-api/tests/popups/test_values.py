"""Values that are not acceptable are 422 with the list of what is wrong, and never a 500."""

from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Tenant
from tests.popups.test_popups import create

pytestmark = pytest.mark.database

STARTS, ENDS = "2031-05-01T18:00:00Z", "2031-05-02T00:00:00Z"

WRONG: list[tuple[str, Any]] = [
    ("name", ""),
    ("name", "   "),
    ("name", "n" * 201),
    ("name", 7),
    ("name", ["a"]),
    ("name", "a\x00b"),
    ("name", "\x00"),
    ("slug", ""),
    ("slug", "Upper"),
    ("slug", "a--b"),
    ("slug", "-a"),
    ("slug", "a\n"),
    ("slug", "s" * 64),
    ("slug", "a\x00b"),
    ("tagline", "t" * 501),
    ("tagline", "a\x00b"),
    ("tagline", {}),
    ("location", "l" * 501),
    ("location", "a\x00b"),
    ("status", "closed"),
    ("status", ""),
    ("status", "draft\x00"),
    ("status", 1),
    ("starts_at", "2031-05-01T18:00:00"),
    ("starts_at", "2031-05-01"),
    ("starts_at", "yesterday"),
    ("starts_at", "2031-02-30T00:00:00Z"),
    ("starts_at", "2031-05-01T18:00:00Z\x00"),
    ("starts_at", "0001-01-01T00:00:00+14:00"),
    ("ends_at", "2031-05-01T18:00:00"),
    ("ends_at", "9999-12-31T23:59:59-14:00"),
    ("starts_at", 1),
    ("starts_at", "1"),
    ("ends_at", 1e300),
    ("ends_at", True),
]


def assert_refused(response: Any, field: str) -> None:
    assert response.status_code == 422, response.text
    problem = response.json()
    assert problem["detail"] == "validation_failed"
    assert field in [error["field"] for error in problem["errors"]]
    assert all(error["code"] and error["message"] for error in problem["errors"])


@pytest.mark.parametrize(("field", "value"), WRONG)
async def test_create_refuses(tenant: Tenant, field: str, value: Any) -> None:
    response = await tenant.call("POST", "/popups", json={"name": "x"} | {field: value})
    assert_refused(response, f"body.{field}")
    listed = (await tenant.call("GET", "/popups")).json()
    assert listed["results"] == []


@pytest.mark.parametrize(("field", "value"), WRONG)
async def test_patch_refuses(tenant: Tenant, field: str, value: Any) -> None:
    popup = await create(tenant)
    response = await tenant.call("PATCH", f"/popups/{popup['id']}", json={field: value})
    assert_refused(response, f"body.{field}")
    assert (await tenant.call("GET", f"/popups/{popup['id']}")).json() == popup


@pytest.mark.parametrize("field", ["id", "tenant_id", "created_at", "Name", "nombre", "\x00"])
async def test_unknown_fields_are_refused(tenant: Tenant, field: str) -> None:
    popup = await create(tenant)
    created = await tenant.call("POST", "/popups", json={"name": "x", field: str(uuid4())})
    changed = await tenant.call("PATCH", f"/popups/{popup['id']}", json={field: str(uuid4())})
    for response in (created, changed):
        assert_refused(response, f"body.{field}")


async def test_every_wrong_field_is_named(tenant: Tenant) -> None:
    response = await tenant.call("POST", "/popups", json={"status": "x", "more": 1})
    fields = {error["field"] for error in response.json()["errors"]}
    assert fields == {"body.name", "body.status", "body.more"}


async def test_an_end_before_its_start_is_refused(tenant: Tenant) -> None:
    both = {"name": "x", "starts_at": ENDS, "ends_at": STARTS}
    assert_refused(await tenant.call("POST", "/popups", json=both), "body.ends_at")
    popup = await create(tenant, starts_at=STARTS, ends_at=ENDS)
    path = f"/popups/{popup['id']}"
    early = {"ends_at": "2031-05-01T17:59:59Z"}
    assert_refused(await tenant.call("PATCH", path, json=early), "body.ends_at")
    late = {"starts_at": "2031-05-02T00:00:01Z"}
    assert_refused(await tenant.call("PATCH", path, json=late), "body.ends_at")
    assert (await tenant.call("GET", path)).json() == popup


async def test_an_end_at_its_start_is_fine(tenant: Tenant) -> None:
    popup = await create(tenant, starts_at=STARTS, ends_at=STARTS)
    assert popup["starts_at"] == popup["ends_at"]


async def test_an_end_without_a_start_is_fine(tenant: Tenant) -> None:
    assert (await create(tenant, ends_at=ENDS))["ends_at"] == ENDS


@pytest.mark.parametrize("identity", ["x", "1", "%00", "a%00b", "00000000", "' OR 1=1", "null"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_bad_ids_are_refused(tenant: Tenant, method: str, identity: str) -> None:
    body = {"name": "x"} if method == "PATCH" else None
    response = await tenant.call(method, f"/popups/{identity}", json=body)
    assert_refused(response, "path.popup_id")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"null", 422),
        (b"[]", 422),
        (b'"name"', 422),
        (b"{", 422),
        (b'{"name": "x"', 422),
        (b'{"name": "\\ud800"}', 422),
        (b'{"name": "x", "\\ud800": 1}', 422),
        (b'{"name": "x", "slug": "\\udfff"}', 422),
        (b'{"name": "x", "starts_at": NaN}', 422),
        (b'{"name": "\xff"}', 400),
        (b"[" * 100_000, 400),
        (b'{"name": ' + b"1" * 5_000 + b"}", 400),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_bodies_that_are_no_popup(
    tenant: Tenant, method: str, body: bytes, status: int
) -> None:
    path = "/popups" if method == "POST" else f"/popups/{uuid4()}"
    headers = tenant.headers() | {"content-type": "application/json"}
    response = await tenant.client.request(method, f"/api/v1{path}", headers=headers, content=body)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_body_over_one_mebibyte_is_refused(tenant: Tenant) -> None:
    response = await tenant.call("POST", "/popups", json={"name": "x" * 2**20})
    assert (response.status_code, response.json()["detail"]) == (413, "body_too_large")


async def test_the_refusal_repeats_nothing_that_was_sent(tenant: Tenant) -> None:
    secret = f"secret-{uuid4().hex}"
    response = await tenant.call("POST", "/popups", json={"name": "x", "status": secret})
    assert response.status_code == 422
    assert secret not in response.text
