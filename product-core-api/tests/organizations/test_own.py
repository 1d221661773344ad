"""The caller's own organization: what people see of it and may change."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from shared_lib.clock import utc_now
from tests.conftest import MakeOrganization, Tenant

pytestmark = pytest.mark.database


async def test_the_profile(tenant: Tenant) -> None:
    response = await tenant.call("GET", "/org", role="viewer")
    shown = response.json()
    assert shown.pop("created_at").endswith("Z")
    assert shown.pop("updated_at").endswith("Z")
    assert shown == {
        "id": str(tenant.id),
        "slug": tenant.slug,
        "name": "Test",
        "status": "active",
        "access_mode": "active",
        "trial_ends_at": None,
        "trial_days_left": None,
        "paid": True,
        "support_access": "read_only",
    }


@pytest.mark.parametrize(
    ("paid", "hours", "status", "mode"),
    [
        (True, None, "active", "active"),
        (True, -1, "active", "active"),
        (False, 1, "active", "active"),
        (False, -1, "active", "read_only"),
        (False, None, "active", "read_only"),
        (True, 1, "suspended", "blocked"),
        (True, 1, "deleting", "blocked"),
    ],
)
async def test_the_access_mode_of_its_staff(
    make_tenant: MakeOrganization, hours: int | None, status: str, mode: str, *, paid: bool
) -> None:
    ends = None if hours is None else utc_now() + timedelta(hours=hours)
    tenant = await make_tenant(paid=paid, trial_ends_at=ends, status=status)
    shown = (await tenant.call("GET", "/org")).json()
    assert (shown["access_mode"], shown["status"]) == (mode, status)


async def test_a_new_name_and_nothing_else(admin: asyncpg.Connection, tenant: Tenant) -> None:
    before = (await tenant.call("GET", "/org")).json()
    response = await tenant.call("PATCH", "/org", role="admin", json={"name": "  Acme GmbH "})
    assert response.status_code == 200, response.text
    after = response.json()
    assert after["updated_at"] > before["updated_at"]
    assert after == before | {"name": "Acme GmbH", "updated_at": after["updated_at"]}
    assert (await tenant.call("GET", "/org")).json() == after
    version = "SELECT version FROM organizations WHERE tenant_id = $1"
    assert await admin.fetchval(version, tenant.id) == 2


async def test_an_empty_change_changes_nothing(tenant: Tenant) -> None:
    before = (await tenant.call("GET", "/org")).json()
    assert (await tenant.call("PATCH", "/org", json={})).json() == before
    assert (await tenant.call("GET", "/org")).json() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("name", ""),
        ("name", "  "),
        ("name", "n" * 201),
        ("name", "a\x00b"),
        ("slug", "another"),
        ("status", "active"),
        ("paid", True),
        ("trial_ends_at", None),
        ("support_access", "read_write"),
        ("version", 1),
    ],
)
async def test_what_may_not_be_changed(tenant: Tenant, field: str, value: Any) -> None:
    before = (await tenant.call("GET", "/org")).json()
    response = await tenant.call("PATCH", "/org", json={"name": "x"} | {field: value})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [f"body.{field}"]
    assert (await tenant.call("GET", "/org")).json() == before


@pytest.mark.parametrize("value", ["on", "", None, "off\x00", 1])
async def test_consent_has_three_values(tenant: Tenant, value: Any) -> None:
    body = {"support_access": value}
    response = await tenant.call("PUT", "/org/support-access", json=body)
    assert response.status_code == 422
    assert (await tenant.call("GET", "/org")).json()["support_access"] == "read_only"
