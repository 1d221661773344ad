"""Roles are given and taken, memberships end: by whom, with what effect (T8, T9, T10, T28)."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from app.modules.memberships.domain import next_not_before, reaches
from shared_lib.ids import uuid7
from tests.conftest import CoreReceiver, Identity, eventually
from tests.team import ROLES, Member, Team, events_told, make_team, refused, told


def test_nobody_reaches_above_his_own_role() -> None:
    assert [role for role in ROLES if reaches("owner", role)] == list(ROLES)
    assert [role for role in ROLES if reaches("admin", role)] == list(ROLES[1:])


def test_a_second_change_within_a_second_kills_what_was_issued_between() -> None:
    noon = datetime(2026, 6, 1, 12, 0, 0, 200_000, tzinfo=UTC)
    assert next_not_before(noon, None, None) == noon
    # A token that was issued after the first change is dated 12:00:01.
    for before in ((noon, None), (None, noon), (noon, noon - timedelta(seconds=9))):
        again = next_not_before(noon + timedelta(milliseconds=400), *before)
        assert again == noon.replace(second=1, microsecond=0)
    later = noon + timedelta(seconds=5)
    assert next_not_before(later, noon, noon) == later


async def test_a_change_right_after_a_new_password_kills_the_token_between(
    identity: Identity,
) -> None:
    team = await make_team(identity, ["owner", "viewer"])
    instant = datetime.now(UTC) + timedelta(minutes=5)
    await identity.admin.execute(
        "UPDATE people SET tokens_not_before = $2 WHERE id = $1", team["viewer"].id, instant
    )
    between = await team["viewer"].refresh()
    await team["owner"].call("PATCH", f"/members/{between.id}", json={"role": "standard"})
    not_before = (await team.row(between.id))["tokens_not_before"]
    assert not_before.timestamp() == between.claims["iat"]
    assert (await between.refresh()).claims["iat"] == between.claims["iat"] + 1


async def test_a_new_role_is_in_the_next_token_and_the_old_tokens_are_dead(
    identity: Identity, core: CoreReceiver
) -> None:
    team = await make_team(identity, ["owner", "viewer"])
    viewer = team["viewer"]
    response = await team["owner"].call("PATCH", f"/members/{viewer.id}", json={"role": "admin"})
    assert response.status_code == 200
    assert response.json() == {
        "id": str(viewer.id),
        "name": "Test Person",
        "email": viewer.person.email,
        "role": "admin",
        "active": True,
        "created_at": response.json()["created_at"],
    }
    refused(await viewer.call("GET", "/members"), 401, "token_revoked")
    renewed = await viewer.refresh()
    assert renewed.claims["role"] == "admin"
    assert (await renewed.call("GET", "/invitations")).status_code == 200

    await core.learns(viewer.id)
    (revocation,) = core.revoked(viewer.id)
    assert revocation["kind"] == "membership"
    assert revocation["tenant_id"] == str(team.organization.id)
    not_before = datetime.fromisoformat(revocation["not_before"])
    assert viewer.claims["iat"] <= not_before.timestamp() < renewed.claims["iat"]
    assert (await team.row(viewer.id))["tokens_not_before"] == not_before


async def test_the_core_and_its_trail_are_told_of_a_new_role(
    identity: Identity, core: CoreReceiver
) -> None:
    team = await make_team(identity, ["owner", "viewer"])
    viewer = team["viewer"]
    await team["owner"].call("PATCH", f"/members/{viewer.id}", json={"role": "admin"})
    await eventually(lambda: _told(core, team, viewer.id))
    assert told(core, team.organization.id, viewer.id)[-1] == {
        "name": "Test Person",
        "email": viewer.person.email,
        "role": "admin",
        "active": True,
        "version": 2,
    }
    await eventually(lambda: _event(core, team))
    (event,) = events_told(core, team.organization.id)
    assert (event["action"], event["resource_id"]) == ("members.update", str(viewer.id))
    assert event["changes"] == {"role": ["viewer", "admin"]}
    assert (event["actor_id"], event["actor_role"]) == (str(team["owner"].id), "owner")


async def _told(core: CoreReceiver, team: Team, person_id: UUID) -> bool:
    return bool(told(core, team.organization.id, person_id))


async def _event(core: CoreReceiver, team: Team) -> bool:
    return bool(events_told(core, team.organization.id))


async def test_the_same_role_again_changes_nothing(identity: Identity) -> None:
    team = await make_team(identity, ["owner", "viewer"])
    before = await team.row(team["viewer"].id)
    for whom, role in (("viewer", "viewer"), ("owner", "owner")):
        response = await team["owner"].call(
            "PATCH", f"/members/{team[whom].id}", json={"role": role}
        )
        assert response.status_code == 200
    assert await team.row(team["viewer"].id) == before
    assert (await team["viewer"].call("GET", "/members")).status_code == 200


async def test_a_removed_member_is_out(identity: Identity, core: CoreReceiver) -> None:
    team = await make_team(identity, ["owner", "standard"])
    standard = team["standard"]
    path = f"/members/{standard.id}"
    response = await team["owner"].call("DELETE", path)
    assert (response.status_code, response.content) == (204, b"")
    refused(await standard.call("GET", "/members"), 401, "token_revoked")
    renewed = await identity.refresh(standard.refresh_token)
    refused(renewed, 400, "membership_ended")
    row = await team.row(standard.id)
    assert (row["active"], row["version"]) == (False, 2)
    await core.learns(standard.id)
    await eventually(lambda: _told(core, team, standard.id))
    assert told(core, team.organization.id, standard.id)[-1]["active"] is False

    refused(await team["owner"].call("DELETE", path), 404, "member_not_found")
    refused(
        await team["owner"].call("PATCH", path, json={"role": "viewer"}), 404, "member_not_found"
    )
    assert len(core.revoked(standard.id)) == 1


@pytest.mark.parametrize("role", ROLES[1:])
async def test_everybody_may_leave(identity: Identity, role: str) -> None:
    team = await make_team(identity, ["owner", role])
    response = await team[role].call("DELETE", "/members/me")
    assert response.status_code == 204
    assert not (await team.row(team[role].id))["active"]
    refused(await team[role].call("DELETE", "/members/me"), 401, "token_revoked")


async def test_one_s_own_id_does_the_same_for_who_manages_members(identity: Identity) -> None:
    team = await make_team(identity, ["owner", "admin"])
    response = await team["admin"].call("DELETE", f"/members/{team['admin'].id}")
    assert response.status_code == 204
    assert not (await team.row(team["admin"].id))["active"]


@pytest.mark.parametrize("role", ["standard", "viewer", "client"])
async def test_t8_t29_only_owners_and_admins_manage(identity: Identity, role: str) -> None:
    team = await make_team(identity, ["owner", "viewer", role])
    for whom in ("owner", "viewer", role):
        path = f"/members/{team[whom].id}"
        refused(await team[role].call("DELETE", path), 403, "missing_permission")
        response = await team[role].call("PATCH", path, json={"role": "owner"})
        refused(response, 403, "missing_permission")
    assert len(await team["owner"].results("/members")) == 3


@pytest.mark.parametrize(
    ("whom", "role"),
    [("standard", "owner"), ("admin", "owner"), ("owner", "standard"), ("owner", "admin")],
)
async def test_an_admin_neither_makes_nor_changes_owners(
    identity: Identity, whom: str, role: str
) -> None:
    team = await make_team(identity, ["owner", "admin", "standard"])
    await team.add("owner")
    before = await team.row(team[whom].id)
    response = await team["admin"].call("PATCH", f"/members/{team[whom].id}", json={"role": role})
    refused(response, 403, "role_not_allowed")
    refused(
        await team["admin"].call("DELETE", f"/members/{team['owner'].id}"), 403, "role_not_allowed"
    )
    assert await team.row(team[whom].id) == before


async def test_an_admin_manages_everybody_else(identity: Identity) -> None:
    team = await make_team(identity)
    for whom, role in (("standard", "admin"), ("viewer", "client"), ("client", "viewer")):
        response = await team["admin"].call(
            "PATCH", f"/members/{team[whom].id}", json={"role": role}
        )
        assert (response.status_code, response.json()["role"]) == (200, role)
    for whom in ("standard", "viewer", "client"):
        response = await team["admin"].call("DELETE", f"/members/{team[whom].id}")
        assert response.status_code == 204
    response = await team["admin"].call(
        "PATCH", f"/members/{team['admin'].id}", json={"role": "viewer"}
    )
    assert response.status_code == 200, "downwards is one's own business"
    assert await team.owners() == {team["owner"].id}


async def test_the_last_owner_stays(identity: Identity) -> None:
    team = await make_team(identity, ["owner", "admin"])
    path = f"/members/{team['owner'].id}"
    refused(await team["owner"].call("DELETE", path), 409, "last_owner")
    refused(await team["owner"].call("DELETE", "/members/me"), 409, "last_owner")
    response = await team["owner"].call("PATCH", path, json={"role": "admin"})
    refused(response, 409, "last_owner")
    assert (await team["owner"].call("GET", "/members")).status_code == 200
    second = await team.add("owner")
    assert (await team["owner"].call("DELETE", "/members/me")).status_code == 204
    assert await team.owners() == {second.id}


async def oust(way: str, by: Member, of: Member) -> httpx.Response:
    """`by` does away with the ownership of `of`, or with his own."""
    if way == "leave":
        return await by.call("DELETE", "/members/me")
    if way == "remove":
        return await by.call("DELETE", f"/members/{of.id}")
    return await by.call("PATCH", f"/members/{of.id}", json={"role": "viewer"})


@pytest.mark.parametrize("way", ["remove", "demote", "leave"])
async def test_two_owners_at_once_leave_one(identity: Identity, way: str) -> None:
    for _ in range(5):
        team = await make_team(identity, ["owner"])
        one, two = team["owner"], await team.add("owner")
        responses = await asyncio.gather(oust(way, one, two), oust(way, two, one))
        assert sorted(response.is_success for response in responses) == [False, True]
        loser = next(response for response in responses if not response.is_success)
        assert loser.json()["detail"] in ("token_revoked", "last_owner")
        assert len(await team.owners()) == 1


async def test_another_organization_s_members_are_untouchable(identity: Identity) -> None:
    team, other = (
        await make_team(identity, ["owner"]),
        await make_team(identity, ["owner", "viewer"]),
    )
    for whom in (other["owner"].id, other["viewer"].id, uuid7()):
        path = f"/members/{whom}"
        refused(await team["owner"].call("DELETE", path), 404, "member_not_found")
        response = await team["owner"].call("PATCH", path, json={"role": "viewer"})
        refused(response, 404, "member_not_found")
    assert len(await other["owner"].results("/members")) == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"role": "king"},
        {"role": None},
        {"role": "viewer", "active": False},
        {"role": "viewer", "tenant_id": str(uuid7())},
        [],
    ],
)
async def test_t8_other_fields_and_values_are_refused(identity: Identity, body: object) -> None:
    team = await make_team(identity, ["owner", "viewer"])
    response = await team["owner"].call("PATCH", f"/members/{team['viewer'].id}", json=body)
    refused(response, 422, "validation_failed")


async def test_an_id_that_is_none(identity: Identity) -> None:
    team = await make_team(identity, ["owner"])
    refused(await team["owner"].call("DELETE", "/members/a%00b"), 422, "validation_failed")
    refused(await team["owner"].call("GET", "/members/me"), 405, "method_not_allowed")


async def test_nothing_is_told_of_a_change_that_did_not_commit(
    identity: Identity, core: CoreReceiver
) -> None:
    team = await make_team(identity, ["owner", "viewer"])
    await identity.admin.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'refused at commit'; END $$;"
        " CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON memberships"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();"
    )
    try:
        response = await team["owner"].call("DELETE", f"/members/{team['viewer'].id}")
        assert response.status_code == 500
    finally:
        await identity.admin.execute("DROP TRIGGER refuse ON memberships; DROP FUNCTION refuse()")
    assert (await team["viewer"].call("GET", "/members")).status_code == 200
    waiting = await identity.admin.fetchval(
        "SELECT count(*) FROM jobs WHERE tenant_id = $1", team.organization.id
    )
    assert (waiting, core.revoked(team["viewer"].id)) == (0, [])
