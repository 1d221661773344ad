"""What staff of the platform look at, and are refused, in identity stands in the trail."""

from typing import Any

import pytest

from shared_lib.audit import PLATFORM
from shared_lib.ids import uuid7
from tests.conftest import CoreReceiver, Identity, bearer
from tests.mailbox import security_event, security_events, security_outcomes, worker_is_idle


async def staff(identity: Identity, role: str) -> tuple[str, dict[str, str]]:
    """The id of somebody of the platform, and headers of his."""
    person = await identity.make_person(platform_role=role)
    return str(person.id), bearer((await identity.sign_in(person))["access_token"])


def told(event: dict[str, Any]) -> tuple[Any, ...]:
    return (event["actor_id"], event["actor_role"], event["outcome"], event["code"])


async def test_who_was_looked_at_is_told(identity: Identity, core: CoreReceiver) -> None:
    admin_id, headers = await staff(identity, "platform_admin")
    person = await identity.make_person()
    response = await identity.client.get(f"/admin/people/{person.id}", headers=headers)
    assert response.status_code == 200
    event = await security_event(core, "people.get", str(person.id))
    assert told(event) == (admin_id, "platform_admin", "succeeded", None)
    assert event["tenant_id"] == str(PLATFORM)
    nobody = str(uuid7())
    await identity.client.get(f"/admin/people/{nobody}", headers=headers)
    event = await security_event(core, "people.get", nobody)
    assert told(event) == (admin_id, "platform_admin", "refused", "person_not_found")


async def test_a_refused_agent_is_told_of(identity: Identity, core: CoreReceiver) -> None:
    agent_id, headers = await staff(identity, "support_agent")
    person = await identity.make_person()
    response = await identity.client.get(f"/admin/people/{person.id}", headers=headers)
    assert response.status_code == 403
    event = await security_event(core, "people.get", str(person.id))
    assert told(event) == (agent_id, "support_agent", "refused", "missing_permission")


async def test_a_change_is_told_of_once(identity: Identity, core: CoreReceiver) -> None:
    _, headers = await staff(identity, "platform_admin")
    person = await identity.make_person()
    for code in (200, 409):
        response = await identity.client.post(
            f"/admin/people/{person.id}/deactivate",
            headers=headers,
            json={"reason": "Left the company"},
        )
        assert response.status_code == code
    assert await security_outcomes(core, "people.deactivate", str(person.id), 2) == [
        ("refused", "person_not_active"),
        ("succeeded", None),
    ]


async def test_customers_are_not(identity: Identity, core: CoreReceiver) -> None:
    """Or anybody could flood the trail."""
    person, _ = await identity.make_member("owner")
    headers = bearer((await identity.sign_in(person))["access_token"])
    assert (await identity.client.get("/me", headers=headers)).status_code == 200
    response = await identity.client.get(f"/admin/people/{person.id}", headers=headers)
    assert response.status_code == 403
    await worker_is_idle(identity)
    assert security_events(core, "people.get", str(person.id)) == []


@pytest.mark.parametrize("table", ["security_events", "jobs"])
async def test_what_cannot_be_told_is_not_answered(identity: Identity, table: str) -> None:
    _, headers = await staff(identity, "platform_admin")
    person = await identity.make_person()
    await identity.admin.execute(f"REVOKE INSERT ON {table} FROM identity_platform")
    try:
        response = await identity.client.get(f"/admin/people/{person.id}", headers=headers)
    finally:
        await identity.admin.execute(f"GRANT INSERT ON {table} TO identity_platform")
    assert (response.status_code, response.json()["detail"]) == (503, "audit_unavailable")
    assert person.email not in response.text
