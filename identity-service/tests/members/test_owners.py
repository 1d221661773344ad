"""The last owner is the last who can sign in; whose account is closed counts for nothing."""

import asyncio
from typing import Any

import httpx

from tests.conftest import Identity, bearer
from tests.locks import until_waiting
from tests.mailbox import security_event
from tests.team import Member, Team, make_team, refused


async def platform_admin(identity: Identity) -> dict[str, str]:
    """Headers of a platform admin."""
    person = await identity.make_person(platform_role="platform_admin")
    return bearer((await identity.sign_in(person))["access_token"])


async def deactivate(identity: Identity, member: Member) -> httpx.Response:
    return await identity.client.post(
        f"/admin/people/{member.id}/deactivate",
        headers=await platform_admin(identity),
        json={"reason": "The laptop was stolen"},
    )


async def two_owners(identity: Identity) -> tuple[Team, Member, Member]:
    team = await make_team(identity, ["owner"])
    return team, team["owner"], await team.add("owner")


async def test_an_owner_whose_account_is_closed_is_none_to_leave_behind(identity: Identity) -> None:
    _, stays, closed = await two_owners(identity)
    assert (await deactivate(identity, closed)).json()["organizations_without_owner"] == []
    refused(await stays.call("DELETE", "/members/me"), 409, "last_owner")
    step_down = await stays.call("PATCH", f"/members/{stays.id}", json={"role": "viewer"})
    refused(step_down, 409, "last_owner")
    assert (await stays.call("DELETE", f"/members/{closed.id}")).status_code == 204


async def test_nobody_is_promoted_whose_account_is_closed(identity: Identity) -> None:
    team = await make_team(identity, ["owner", "standard"])
    owner, closed = team["owner"], team["standard"]
    await deactivate(identity, closed)
    for role in ("owner", "admin"):
        promoted = await owner.call("PATCH", f"/members/{closed.id}", json={"role": role})
        refused(promoted, 409, "member_not_active")
    lowered = await owner.call("PATCH", f"/members/{closed.id}", json={"role": "viewer"})
    assert lowered.status_code == 200


async def test_closing_the_account_of_a_sole_owner_is_said_aloud(
    identity: Identity, core: Any
) -> None:
    team = await make_team(identity, ["owner", "admin"])
    answer = await deactivate(identity, team["owner"])
    left = [str(team.organization.id)]
    assert (answer.status_code, answer.json()["organizations_without_owner"]) == (200, left)
    event = await security_event(core, "people.deactivate", str(team["owner"].id))
    assert event["changes"] == {"organizations_without_owner": [[], left]}


async def test_one_leaves_while_the_other_is_shut_out(identity: Identity) -> None:
    team, leaves, closed = await two_owners(identity)
    async with identity.admin.transaction():
        await identity.admin.execute("UPDATE people SET active = false WHERE id = $1", closed.id)
        leaving = asyncio.create_task(leaves.call("DELETE", "/members/me"))
        await until_waiting(identity.admin)
    refused(await leaving, 409, "last_owner")
    assert leaves.id in await team.owners()
