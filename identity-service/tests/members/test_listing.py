"""Who sees whom, and how much of him (T7, T29)."""

import pytest

from shared_lib.ids import uuid7
from tests.conftest import Identity, bearer
from tests.team import ROLES, make_team, refused, signed_in


@pytest.mark.parametrize("role", ["owner", "admin"])
async def test_owners_and_admins_see_everybody_with_addresses(
    identity: Identity, role: str
) -> None:
    team = await make_team(identity)
    listed = await team[role].results("/members")
    assert [each["role"] for each in listed] == list(reversed(ROLES))
    assert {each["email"] for each in listed} == {
        member.person.email for member in team.members.values()
    }
    assert listed[-1].keys() == {"id", "name", "email", "role", "active", "created_at"}
    assert listed[-1]["id"] == str(team["owner"].id)
    assert (listed[-1]["name"], listed[-1]["active"]) == ("Test Person", True)


@pytest.mark.parametrize("role", ["standard", "viewer"])
async def test_t29_other_workers_see_names_only(identity: Identity, role: str) -> None:
    team = await make_team(identity)
    response = await team[role].call("GET", "/members")
    assert {each["email"] for each in response.json()["results"]} == {None}
    assert len(response.json()["results"]) == 5
    assert "@" not in response.text


async def test_t29_clients_see_nobody(identity: Identity) -> None:
    team = await make_team(identity)
    refused(await team["client"].call("GET", "/members"), 403, "missing_permission")


async def test_t7_nothing_secret_is_listed(identity: Identity) -> None:
    team = await make_team(identity)
    text = (await team["owner"].call("GET", "/members")).text
    for secret in ("argon2", "hash", "token", "not_before", "version"):
        assert secret not in text


async def test_those_of_another_organization_are_invisible(identity: Identity) -> None:
    team, other = await make_team(identity), await make_team(identity)
    listed = {each["id"] for each in await team["owner"].results("/members")}
    assert listed == {str(member.id) for member in team.members.values()}
    assert listed.isdisjoint(str(member.id) for member in other.members.values())


async def test_pages(identity: Identity) -> None:
    team = await make_team(identity)
    first = (await team["owner"].call("GET", "/members?limit=2&cursor=")).json()
    rest = await team["owner"].call(
        "GET", f"/members?limit=100&cursor={first['paging']['next_cursor']}"
    )
    listed = [each["role"] for each in first["results"] + rest.json()["results"]]
    assert listed == list(reversed(ROLES))
    counted = (await team["owner"].call("GET", "/members?skip=1&limit=2")).json()
    assert (counted["paging"]["total"], len(counted["results"])) == (5, 2)


async def test_a_closed_account_is_listed_as_such(identity: Identity) -> None:
    team = await make_team(identity, ["owner", "viewer"])
    await identity.admin.execute(
        "UPDATE people SET active = false WHERE id = $1", team["viewer"].id
    )
    listed = {each["role"]: each["active"] for each in await team["owner"].results("/members")}
    assert listed == {"owner": True, "viewer": False}


async def test_who_is_no_member_any_more_is_not_listed(identity: Identity) -> None:
    team = await make_team(identity, ["owner", "viewer"])
    await identity.admin.execute(
        "UPDATE memberships SET active = false WHERE person_id = $1", team["viewer"].id
    )
    assert [each["role"] for each in await team["owner"].results("/members")] == ["owner"]


async def test_the_token_decides_which_organization(identity: Identity) -> None:
    team, other = await make_team(identity, ["owner"]), await make_team(identity, ["owner"])
    await identity.join(team["owner"].person, other.organization, "viewer")
    both = await signed_in(identity, team["owner"].person, other.organization)
    listed = await both.results("/members")
    assert {each["id"] for each in listed} == {str(both.id), str(other["owner"].id)}


async def test_without_a_token_or_an_organization(identity: Identity) -> None:
    refused(await identity.client.get("/members"), 401, "missing_token")
    person = await identity.make_person()
    alone = bearer((await identity.sign_in(person))["access_token"])
    refused(await identity.client.get("/members", headers=alone), 403, "tenant_required")
    agent = await identity.make_person(platform_role="platform_admin")
    staff = bearer((await identity.sign_in(agent))["access_token"])
    refused(await identity.client.get("/members", headers=staff), 403, "tenant_required")
    path = f"/members/{uuid7()}"
    refused(await identity.client.delete(path, headers=staff), 403, "tenant_required")
