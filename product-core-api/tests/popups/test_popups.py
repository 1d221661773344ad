"""The resource that every later one is modelled on: works, refused, invisible, read-only."""

import pytest
from tests.conftest import MakeOrganization, Tenant

pytestmark = pytest.mark.database


async def test_only_a_name_is_needed(tenant: Tenant) -> None:
    created = await tenant.call("POST", "/popups", json={"name": "Spring Márket!"})
    assert created.status_code == 201, created.text
    popup = created.json()
    assert popup["slug"] == "spring-market"
    assert popup["status"] == "draft"
    assert popup["created_at"].endswith("Z")
    shown = await tenant.call("GET", f"/popups/{popup['id']}")
    assert shown.json() == popup
