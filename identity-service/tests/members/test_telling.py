"""What the worker does about members: facts for the core, as they are when they are sent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.modules.memberships.service import person_changed
from shared_lib.caller import Caller
from shared_lib.ids import uuid7
from shared_lib.tenancy import UserTx, background_transaction
from shared_lib.testing.mail import mails_in
from shared_lib.testing.postgres import Cluster
from tests.conftest import (
    CoreReceiver,
    Identity,
    client_of,
    eventually,
    make_settings,
    running,
    working,
)
from tests.invitations.links import address, invite
from tests.team import make_team, told


@asynccontextmanager
async def service_alone(
    cluster: Cluster, database: str, core: CoreReceiver, mail: Any
) -> AsyncIterator[Identity]:
    """The service without a worker; `core` listens when the test lets it."""
    settings = make_settings(cluster, database, core.url, mail_directory=mail)
    admin = await asyncpg.connect(cluster.admin_url(database))
    async with running(settings) as app, client_of(app) as client:
        yield Identity(app, client, admin, settings)
    await admin.close()


async def until_done(identity: Identity) -> None:
    async def nothing_waits() -> bool:
        return not await identity.admin.fetchval("SELECT count(*) FROM jobs")

    await eventually(nothing_waits)


async def test_a_core_that_is_down_is_told_the_state_of_when_it_is_back(
    cluster: Cluster, own_database: str, tmp_path: Any
) -> None:
    core = CoreReceiver()
    async with service_alone(cluster, own_database, core, tmp_path) as identity:
        team = await make_team(identity, ["owner", "viewer"])
        path = f"/members/{team['viewer'].id}"
        for role in ("admin", "standard"):
            response = await team["owner"].call("PATCH", path, json={"role": role})
            assert response.status_code == 200
        async with working(identity.settings):
            tried = "SELECT bool_and(attempts > 1) FROM jobs WHERE kind = 'tell_member'"
            await eventually(lambda: identity.admin.fetchval(tried))
        # What a worker has in its hands when it is told to end, it ends.
        assert (await team["owner"].call("DELETE", path)).status_code == 204
        with core.listening():
            async with working(identity.settings):
                await until_done(identity)
        facts = told(core, team.organization.id, team["viewer"].id)
        assert facts
        assert {(fact["active"], fact["version"]) for fact in facts} == {(False, 4)}
        assert len(core.revoked(team["viewer"].id)) == 3


async def test_a_change_of_a_person_is_told_to_each_of_his_organizations(
    identity: Identity, core: CoreReceiver
) -> None:
    team, other = await make_team(identity, ["owner"]), await make_team(identity, ["owner"])
    left = await make_team(identity, ["owner", "viewer"])
    person = team["owner"].person
    await identity.join(person, other.organization, "viewer")
    await identity.join(person, left.organization, "viewer")
    await identity.admin.execute(
        "UPDATE memberships SET active = false WHERE person_id = $1 AND tenant_id = $2",
        person.id,
        left.organization.id,
    )
    await identity.admin.execute(
        "UPDATE people SET name = 'Ada', active = false WHERE id = $1", person.id
    )
    runtime = identity.app.state.runtime
    async with background_transaction(runtime, UserTx, Caller(None, uuid7())) as tx:
        await person_changed(tx, person.id)

    async def both_are_told() -> bool:
        return all(told(core, each.organization.id, person.id) for each in (team, other))

    await eventually(both_are_told)
    for each, role in ((team, "owner"), (other, "viewer")):
        assert told(core, each.organization.id, person.id) == [
            {"name": "Ada", "email": person.email, "role": role, "active": False, "version": 2}
        ]
    assert told(core, left.organization.id, person.id) == []


async def test_nothing_is_mailed_that_was_withdrawn_meanwhile(
    cluster: Cluster, own_database: str, tmp_path: Any
) -> None:
    core = CoreReceiver()
    async with service_alone(cluster, own_database, core, tmp_path) as identity:
        team, blocked = await make_team(identity, ["owner"]), await make_team(identity, ["owner"])
        revoked = await invite(team["owner"], address(uuid7()))
        await team["owner"].call("DELETE", f"/invitations/{revoked['id']}")
        await invite(blocked["owner"], address(uuid7()))
        await identity.admin.execute(
            "UPDATE tenants SET status = 'suspended' WHERE id = $1", blocked.organization.id
        )
        kept = await invite(team["owner"], address(uuid7()))
        with core.listening():
            async with working(identity.settings):
                await until_done(identity)
        assert [mail["To"] for mail in mails_in(tmp_path)] == [kept["email"]]


@pytest.mark.parametrize("kind", ["tell_member", "send_invitation"])
async def test_jobs_about_nothing_are_done(
    cluster: Cluster, own_database: str, tmp_path: Any, kind: str
) -> None:
    core = CoreReceiver()
    nobody = str(UUID(int=7))
    async with service_alone(cluster, own_database, core, tmp_path) as identity:
        team = await make_team(identity, ["owner"])
        await identity.admin.execute(
            "INSERT INTO jobs (tenant_id, id, kind, arguments, run_at) VALUES ($1, $2, $3,"
            " jsonb_build_object('person_id', $4::text, 'invitation_id', $4::text), now())",
            team.organization.id,
            uuid7(),
            kind,
            nobody,
        )
        with core.listening():
            async with working(identity.settings):
                await until_done(identity)
        # What else comes in measures how long revocations take.
        assert {each.path for each in core.received} <= {"/internal/revocations"}
        assert mails_in(tmp_path) == []
