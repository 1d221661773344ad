"""What is made here is made once under an Idempotency-Key, by each role that serves people."""

import asyncio
from uuid import uuid4

import asyncpg
import httpx
import pytest

from app.core.models import kept_answers
from app.worker import RECURRING
from shared_lib.audit import PLATFORM
from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from shared_lib.jobs import Job, Work
from shared_lib.tables import Kind, isolation_of
from shared_lib.testing.postgres import Cluster
from tests.conftest import Identity, bearer
from tests.invitations.links import address, invite, mailed_links, token_for
from tests.team import Member, make_team, refused

COUNT = "SELECT count(*) FROM invitations WHERE tenant_id = $1"


async def keyed(
    member: Member, key: str, path: str, body: object, token: str | None = None
) -> httpx.Response:
    headers = {**bearer(token or member.access_token), "Idempotency-Key": key}
    return await member.identity.client.post(path, json=body, headers=headers)


async def test_an_invitation_is_made_and_mailed_once(identity: Identity) -> None:
    team = await make_team(identity, ["owner"])
    owner, key, email = team["owner"], uuid4().hex, address(uuid7())
    wish = {"email": email, "role": "viewer"}
    first = await keyed(owner, key, "/invitations", wish)
    again = await keyed(owner, key, "/invitations", wish)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert await identity.admin.fetchval(COUNT, team.organization.id) == 1
    assert len(await mailed_links(identity, first.json()["email"])) == 1
    other = await keyed(owner, key, "/invitations", {**wish, "role": "admin"})
    refused(other, 409, "idempotency_key_reused")


async def test_many_at_once_make_one(identity: Identity) -> None:
    team = await make_team(identity, ["owner"])
    key, wish = uuid4().hex, {"email": address(uuid7()), "role": "viewer"}
    answers = await asyncio.gather(
        *(keyed(team["owner"], key, "/invitations", wish) for _ in range(6))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    fresh = [a for a in answers if a.is_success and "idempotency-replayed" not in a.headers]
    assert len(fresh) == 1
    for answer in answers:
        if answer.is_error:
            refused(answer, 409, "request_in_progress")
    assert await identity.admin.fetchval(COUNT, team.organization.id) == 1


async def test_who_joins_by_a_link_is_told_again_that_he_has(identity: Identity) -> None:
    """T31: the link works once; a lost answer is given again, to the same person only."""
    team = await make_team(identity, ["owner"])
    guest = await identity.make_person()
    invitation = await invite(team["owner"], guest.email)
    body = {"token": token_for(identity, invitation["id"])}
    access_token = (await identity.sign_in(guest))["access_token"]
    key = uuid4().hex
    first = await keyed(team["owner"], key, "/me/invitations/accept", body, access_token)
    again = await keyed(team["owner"], key, "/me/invitations/accept", body, access_token)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    fresh = await keyed(team["owner"], uuid4().hex, "/me/invitations/accept", body, access_token)
    assert fresh.is_error, "under another key it is another request, and the link is used up"


async def test_other_organization_and_other_actor(identity: Identity) -> None:
    team, elsewhere = await make_team(identity, ["owner"]), await make_team(identity, ["owner"])
    owner, key, wish = team["owner"], uuid4().hex, {"email": address(uuid7()), "role": "viewer"}
    assert (await keyed(owner, key, "/invitations", wish)).status_code == 201
    stranger = await keyed(elsewhere["owner"], key, "/invitations", wish)
    assert stranger.status_code == 201
    assert "idempotency-replayed" not in stranger.headers
    await identity.join(owner.person, elsewhere.organization, "owner")
    answer = await identity.sign_in(owner.person, tenant_id=str(elsewhere.organization.id))
    there = await keyed(owner, key, "/invitations", wish, answer["access_token"])
    refused(there, 409, "idempotency_key_reused")


async def test_who_lost_the_role_is_told_nothing(identity: Identity) -> None:
    team = await make_team(identity, ["owner", "admin"])
    key, wish = uuid4().hex, {"email": address(uuid7()), "role": "viewer"}
    assert (await keyed(team["admin"], key, "/invitations", wish)).status_code == 201
    path = f"/members/{team['admin'].id}"
    assert (await team["owner"].call("PATCH", path, json={"role": "viewer"})).is_success
    refused(await keyed(team["admin"], key, "/invitations", wish), 401, "token_revoked")


@pytest.mark.parametrize("role", ["app", "auth", "platform"])
async def test_each_role_reaches_the_rows_of_the_actor_only(
    cluster: Cluster, database_name: str, admin: asyncpg.Connection, role: str
) -> None:
    assert isolation_of(kept_answers.table).kind is Kind.USER
    own, other = uuid7(), uuid7()
    for actor_id in (own, other):
        await admin.execute(
            "INSERT INTO idempotency_keys (actor_id, key, fingerprint, reservation)"
            " VALUES ($1, 'k', '', $1)",
            actor_id,
        )
    url = cluster.url(database_name, f"identity_{role}").replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        await connection.fetch("SELECT * FROM idempotency_keys")
    async with connection.transaction():
        await connection.execute(f"SET LOCAL app.current_actor = '{own}'")
        rows = await connection.fetch("SELECT actor_id FROM idempotency_keys")
        assert [row["actor_id"] for row in rows] == [own]
        assert await connection.execute("DELETE FROM idempotency_keys") == "DELETE 1"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            async with connection.transaction():
                await connection.execute(
                    "INSERT INTO idempotency_keys (actor_id, key, fingerprint, reservation)"
                    " VALUES ($1, 'new', '', $1)",
                    other,
                )
    await connection.close()


async def test_what_is_older_than_a_day_is_deleted(
    identity: Identity, admin: asyncpg.Connection
) -> None:
    old, young = uuid7(), uuid7()
    for actor_id, hours in ((old, 24), (young, 23)):
        await admin.execute(
            "INSERT INTO idempotency_keys (actor_id, key, fingerprint, reservation, status,"
            " created_at) VALUES ($1, 'k', '', $1, 201, now() - make_interval(hours => $2))",
            *(actor_id, hours),
        )
    (every,) = (each for each in RECURRING if each.name == "delete_idempotency_keys")
    job = Job(PLATFORM, uuid7(), every.name, {}, 1, utc_now())
    await every.handler(Work(job, None, identity.app.state.runtime))
    left = "SELECT actor_id FROM idempotency_keys WHERE actor_id = ANY ($1)"
    assert [row["actor_id"] for row in await admin.fetch(left, [old, young])] == [young]
