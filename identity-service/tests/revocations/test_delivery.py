"""Delivery of revocations: a core that is down, replicas side by side, a process that died."""

import asyncio
from contextlib import AsyncExitStack
from uuid import UUID

import asyncpg
import jwt

from shared_lib.testing.postgres import Cluster
from tests.conftest import Identity, bearer, client_of, make_settings, running, working
from tests.core_receiver import CoreReceiver, eventually

WAITING = """
    SELECT count(*) FROM jobs
    WHERE kind = 'send_revocation' AND arguments ->> 'subject_id' = ANY ($1::text[])
"""


async def sign_out(identity: Identity) -> UUID:
    """Somebody signs in and out; the id of his session."""
    answer = await identity.sign_in(await identity.make_person())
    response = await identity.client.post("/logout", headers=bearer(answer["access_token"]))
    assert response.status_code == 204
    return sid_of(answer["access_token"])


def sid_of(access_token: str) -> UUID:
    return UUID(jwt.decode(access_token, options={"verify_signature": False})["sid"])


async def waiting(admin: asyncpg.Connection, *sids: UUID) -> int:
    """How many of these sessions the core is still to be told of; the worker's probes wait, too."""
    count: int = await admin.fetchval(WAITING, [str(sid) for sid in sids])
    return count


async def until_told(admin: asyncpg.Connection, *sids: UUID) -> None:
    async def all_told() -> bool:
        return await waiting(admin, *sids) == 0

    await eventually(all_told)


async def test_a_core_that_is_down_learns_it_when_it_is_back(
    cluster: Cluster, own_database: str
) -> None:
    core = CoreReceiver()
    settings = make_settings(cluster, own_database, core.url)
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    async with running(settings) as app, client_of(app) as client, working(settings):
        identity = Identity(app, client, admin, settings)
        sid = await sign_out(identity)
        tried_twice = "SELECT attempts > 1 FROM jobs WHERE arguments ->> 'subject_id' = $1"
        await eventually(lambda: admin.fetchval(tried_twice, str(sid)))
        core.status = 503
        with core.listening():
            await core.learns(sid)
            assert await waiting(admin, sid) == 1
            core.status = 204
            await until_told(admin, sid)
    assert {revocation["subject_id"] for revocation in core.revoked(sid)} == {str(sid)}
    await admin.close()


async def test_one_that_the_core_refuses_holds_back_no_other(
    cluster: Cluster, own_database: str
) -> None:
    core = CoreReceiver()
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    with core.listening():
        settings = make_settings(cluster, own_database, core.url)
        async with running(settings) as app, client_of(app) as client, working(settings):
            identity = Identity(app, client, admin, settings)
            core.status = 503
            first, second = await sign_out(identity), await sign_out(identity)
            core.refused = {str(first)}
            core.status = 204
            await core.learns(second)
            await until_told(admin, second)
            assert await waiting(admin, first) == 1
    await admin.close()


async def test_what_a_process_left_behind_is_sent_when_the_next_one_starts(
    cluster: Cluster, own_database: str
) -> None:
    core = CoreReceiver()
    with core.listening():
        silent = make_settings(cluster, own_database, "http://127.0.0.1:9")
        admin = await asyncpg.connect(cluster.admin_url(own_database))
        async with running(silent) as app, client_of(app) as client:
            sids = [await sign_out(Identity(app, client, admin, silent)) for _ in range(3)]
        assert await waiting(admin, *sids) == 3
        assert not core.received
        async with working(make_settings(cluster, own_database, core.url)):
            await until_told(admin, *sids)
    assert all(core.revoked(sid) for sid in sids)
    await admin.close()


async def test_replicas_do_not_trip_over_each_other(cluster: Cluster, own_database: str) -> None:
    core = CoreReceiver()
    with core.listening():
        settings = make_settings(cluster, own_database, core.url)
        admin = await asyncpg.connect(cluster.admin_url(own_database))
        async with AsyncExitStack() as stack:
            one, two = [await stack.enter_async_context(running(settings)) for _ in range(2)]
            first = await stack.enter_async_context(client_of(one))
            second = await stack.enter_async_context(client_of(two))
            for _ in range(2):
                await stack.enter_async_context(working(settings))
            identity = Identity(one, first, admin, settings)
            people = [await identity.make_person() for _ in range(10)]
            tokens = [(await identity.sign_in(each))["access_token"] for each in people]
            responses = await asyncio.gather(
                *(
                    client.post("/logout", headers=bearer(token))
                    for client, token in zip([first, second] * 5, tokens, strict=True)
                )
            )
            assert {response.status_code for response in responses} == {204}
            sids = [sid_of(token) for token in tokens]
            await until_told(admin, *sids)
    assert [len(core.revoked(sid)) for sid in sids] == [1] * len(sids)
    await admin.close()


async def test_a_replica_that_hangs_holds_up_its_own_rows_only(
    cluster: Cluster, own_database: str
) -> None:
    core = CoreReceiver()
    with core.listening():
        admin = await asyncpg.connect(cluster.admin_url(own_database))
        silent = make_settings(cluster, own_database, "http://127.0.0.1:9")
        async with running(silent) as app, client_of(app) as client:
            identity = Identity(app, client, admin, silent)
            held, free = [await sign_out(identity) for _ in range(2)]
        async with admin.transaction():
            await admin.execute(
                "SELECT FROM jobs WHERE arguments ->> 'subject_id' = $1 FOR UPDATE", str(held)
            )
            async with working(make_settings(cluster, own_database, core.url)):
                await core.learns(free)
                assert not core.revoked(held)
    await admin.close()


async def test_a_sign_out_that_is_rolled_back_is_not_sent(identity: Identity) -> None:
    """The job is written in the transaction of the sign-out, so both stand or neither."""
    answer = await identity.sign_in(await identity.make_person())
    sid = sid_of(answer["access_token"])
    await identity.admin.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'refused at commit'; END $$;"
        " CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON jobs"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();"
    )
    try:
        response = await identity.client.post("/logout", headers=bearer(answer["access_token"]))
        assert response.status_code == 500
    finally:
        await identity.admin.execute("DROP TRIGGER refuse ON jobs; DROP FUNCTION refuse()")
    row = await identity.admin.fetchrow("SELECT * FROM sign_in_sessions WHERE id = $1", sid)
    assert row["ended_at"] is None
    response = await identity.client.get("/me", headers=bearer(answer["access_token"]))
    assert response.status_code == 200
