"""An invitation is worth what its inviter may still give."""

from uuid import UUID

import asyncpg
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.postgres import Cluster
from tests.conftest import CoreReceiver, Identity
from tests.invitations.links import PASSWORD, accept_new, address, expire, invite, token_for
from tests.mailbox import security_event
from tests.team import make_team, refused


async def test_who_is_removed_leaves_no_invitation_behind(
    identity: Identity, core: CoreReceiver
) -> None:
    team = await make_team(identity, ["owner", "admin"])
    of_admin = await invite(team["admin"], address(uuid7()), "admin")
    of_owner = await invite(team["owner"], address(uuid7()), "admin")
    removed = await team["owner"].call("DELETE", f"/members/{team['admin'].id}")
    assert removed.status_code == 204
    refused(
        await accept_new(identity, token_for(identity, of_admin["id"])), 410, "invitation_revoked"
    )
    assert [each["id"] for each in await team["owner"].results("/invitations")] == [of_owner["id"]]
    event = await security_event(core, "invitations.revoke", of_admin["id"])
    assert event["changes"] == {"role": ["admin", None]}
    assert (await accept_new(identity, token_for(identity, of_owner["id"]))).status_code == 201


async def test_who_leaves_takes_his_invitations_with_him(identity: Identity) -> None:
    team = await make_team(identity, ["owner", "admin"])
    invitation = await invite(team["admin"], address(uuid7()))
    assert (await team["admin"].call("DELETE", "/members/me")).status_code == 204
    token = token_for(identity, invitation["id"])
    refused(await accept_new(identity, token), 410, "invitation_revoked")


@pytest.mark.parametrize(
    ("role", "kept"), [("admin", {"admin", "viewer"}), ("standard", set()), ("viewer", set())]
)
async def test_who_is_demoted_keeps_the_invitations_that_he_could_still_make(
    identity: Identity, role: str, kept: set[str]
) -> None:
    team = await make_team(identity, ["owner"])
    demoted = await team.add("owner")
    for each in ("owner", "admin", "viewer"):
        await invite(demoted, address(uuid7()), each)
    changed = await team["owner"].call("PATCH", f"/members/{demoted.id}", json={"role": role})
    assert changed.status_code == 200
    assert {each["role"] for each in await team["owner"].results("/invitations")} == kept


@pytest.mark.parametrize(
    "loss",
    [
        "UPDATE memberships SET active = false WHERE person_id = $1",
        "UPDATE memberships SET role = 'standard' WHERE person_id = $1",
        "UPDATE memberships SET role = 'admin' WHERE person_id = $1",
        "UPDATE people SET active = false WHERE id = $1",
    ],
)
async def test_one_that_was_made_while_its_inviter_went_is_worth_nothing(
    identity: Identity, loss: str
) -> None:
    team = await make_team(identity, ["owner"])
    token = token_for(identity, (await invite(team["owner"], address(uuid7()), "owner"))["id"])
    await identity.admin.execute(loss, team["owner"].id)
    refused(await accept_new(identity, token), 410, "invitation_revoked")


async def test_the_database_itself_accepts_for_nobody_whose_inviter_has_gone(
    identity: Identity, cluster: Cluster, database_name: str
) -> None:
    team = await make_team(identity, ["owner"])
    guest = await identity.make_person()
    invitation = await invite(team["owner"], guest.email)

    async def accepted() -> bool:
        connection = await asyncpg.connect(
            cluster.url(database_name, "identity_auth").replace("+asyncpg", "")
        )
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL app.current_person = '{guest.id}'")
                statement = "SELECT accept_invitation($1)"
                found: bool = await connection.fetchval(statement, UUID(invitation["id"]))
                return found
        finally:
            await connection.close()

    switch = "UPDATE memberships SET active = $2 WHERE person_id = $1"
    await identity.admin.execute(switch, team["owner"].id, False)
    assert not await accepted()
    await identity.admin.execute(switch, team["owner"].id, True)
    await expire(identity, invitation["id"])
    assert not await accepted(), "the clock is the database's"
    await identity.admin.execute(
        "UPDATE invitations SET expires_at = now() + interval '1 hour' WHERE id = $1",
        UUID(invitation["id"]),
    )
    assert await accepted()


@pytest.mark.parametrize("name", ["Evil\nName", "Ada\u202eByron", "A\u0000B", ""])
async def test_the_name_of_somebody_new_is_one_line(identity: Identity, name: str) -> None:
    team = await make_team(identity, ["owner"])
    token = token_for(identity, (await invite(team["owner"], address(uuid7())))["id"])
    refused(await accept_new(identity, token, name, PASSWORD), 422, "validation_failed")
