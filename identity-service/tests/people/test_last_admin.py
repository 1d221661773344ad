"""The last administrator of the platform cannot be shut out, whatever happens at once."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from shared_lib.testing.postgres import Cluster
from tests.conftest import (
    Identity,
    Person,
    bearer,
    client_of,
    make_settings,
    running,
)
from tests.locks import until_waiting


@pytest.fixture
async def alone(cluster: Cluster, own_database: str) -> AsyncIterator[Identity]:
    """A service with no administrator but those that a test makes."""
    settings = make_settings(cluster, own_database, "http://127.0.0.1:9")
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    async with running(settings) as app, client_of(app) as client:
        yield Identity(app, client, admin, settings)
    await admin.close()


async def deactivate(identity: Identity, by: dict[str, str], whom: Person) -> httpx.Response:
    path = f"/admin/people/{whom.id}/deactivate"
    return await identity.client.post(path, headers=by, json={"reason": "A palace revolution"})


async def admins(identity: Identity, count: int) -> list[tuple[Person, dict[str, str]]]:
    people = [await identity.make_person(platform_role="platform_admin") for _ in range(count)]
    return [(each, bearer((await identity.sign_in(each))["access_token"])) for each in people]


async def active(identity: Identity) -> int:
    statement = "SELECT count(*) FROM people WHERE platform_role = 'platform_admin' AND active"
    count: int = await identity.admin.fetchval(statement)
    return count


async def test_two_who_shut_each_other_out_leave_one(alone: Identity) -> None:
    (one, by_one), (two, by_two) = await admins(alone, 2)
    responses = await asyncio.gather(deactivate(alone, by_one, two), deactivate(alone, by_two, one))
    assert sorted(response.status_code for response in responses) in ([200, 401], [200, 409])
    assert await active(alone) == 1


async def test_of_three_at_once_one_stays(alone: Identity) -> None:
    made = await admins(alone, 3)
    targets = [made[1][0], made[2][0], made[0][0]]
    responses = await asyncio.gather(
        *(deactivate(alone, by, whom) for (_, by), whom in zip(made, targets, strict=True))
    )
    assert {response.status_code for response in responses} <= {200, 401, 409}
    assert await active(alone) >= 1


async def deactivated_while_waiting(
    identity: Identity, by: tuple[Person, dict[str, str]], whom: Person
) -> httpx.Response:
    """One who is admitted, waits for somebody else, and is shut out by him meanwhile."""
    async with identity.admin.transaction():
        await identity.admin.execute(
            "SELECT FROM people WHERE platform_role = 'platform_admin' FOR UPDATE"
        )
        attempt = asyncio.create_task(deactivate(identity, by[1], whom))
        await until_waiting(identity.admin)
        statement = "UPDATE people SET active = false WHERE id = $1"
        await identity.admin.execute(statement, by[0].id)
    return await attempt


async def test_one_who_was_shut_out_a_moment_ago_shuts_nobody_out(alone: Identity) -> None:
    one, (two, _), _ = await admins(alone, 3)
    response = await deactivated_while_waiting(alone, one, two)
    assert (response.status_code, response.json()["detail"]) == (401, "token_revoked")
    assert await active(alone) == 2


async def test_the_last_one_cannot_be_shut_out(alone: Identity) -> None:
    one, (two, _) = await admins(alone, 2)
    response = await deactivated_while_waiting(alone, one, two)
    assert (response.status_code, response.json()["detail"]) == (409, "last_platform_admin")
    assert await active(alone) == 1
