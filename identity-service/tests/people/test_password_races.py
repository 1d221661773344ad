"""A password that changes while somebody signs in with the old one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable

import asyncpg
import httpx
import pytest

from shared_lib.testing.postgres import Cluster
from tests.conftest import (
    PASSWORD,
    Identity,
    bearer,
    client_of,
    make_settings,
    running,
    working,
)
from tests.locks import until_waiting
from tests.mailbox import next_token

NEW = "another horse, another staple"


@pytest.fixture
async def alone(cluster: Cluster, own_database: str, tmp_path: object) -> AsyncIterator[Identity]:
    """A service in whose database nobody else waits."""
    settings = make_settings(
        cluster, own_database, "http://127.0.0.1:9", mail_directory=str(tmp_path)
    )
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    async with running(settings) as app, client_of(app) as client, working(settings):
        yield Identity(app, client, admin, settings)
    await admin.close()


@pytest.mark.parametrize("how", ["change", "reset"])
async def test_a_sign_in_that_waits_for_the_change_is_refused(alone: Identity, how: str) -> None:
    """It compared the old password, which was right, and then waited behind the change."""
    person, _ = await alone.make_member()
    here = await alone.sign_in(person)
    await alone.client.post("/password-reset", json={"email": person.email})
    token = await next_token(alone, person.email)
    calls: dict[str, Awaitable[httpx.Response]] = {
        "change": alone.client.put(
            "/me/password",
            headers=bearer(here["access_token"]),
            json={"current_password": PASSWORD, "new_password": NEW},
        ),
        "reset": alone.client.post(
            "/password-reset/complete", json={"token": token, "password": NEW}
        ),
    }
    async with alone.admin.transaction():
        await alone.admin.execute("SELECT FROM people WHERE id = $1 FOR UPDATE", person.id)
        changing = asyncio.ensure_future(calls.pop(how))
        await until_waiting(alone.admin, 1)
        signing_in = asyncio.create_task(alone.token(username=person.email, password=PASSWORD))
        await until_waiting(alone.admin, 2)
    for unused in calls.values():
        unused.close()  # type: ignore[attr-defined]
    assert (await changing).status_code == 204
    refused = await signing_in
    assert refused.json()["detail"] == "invalid_credentials"
    alive = await alone.admin.fetchval(
        "SELECT count(*) FROM sign_in_sessions WHERE person_id = $1 AND ended_at IS NULL", person.id
    )
    assert alive == (1 if how == "change" else 0)


async def test_of_two_changes_that_wait_one_counts(alone: Identity) -> None:
    """Both compared the same password, which was right."""
    person = await alone.make_person()
    answers = [await alone.sign_in(person) for _ in range(2)]
    async with alone.admin.transaction():
        await alone.admin.execute("SELECT FROM people WHERE id = $1 FOR UPDATE", person.id)
        attempts = []
        for number, answer in enumerate(answers):
            body = {"current_password": PASSWORD, "new_password": f"{NEW}, number {number}"}
            headers = bearer(answer["access_token"])
            change = alone.client.put("/me/password", headers=headers, json=body)
            attempts.append(asyncio.create_task(change))
            await until_waiting(alone.admin, number + 1)
    first, second = [await attempt for attempt in attempts]
    assert (first.status_code, second.json()["detail"]) == (204, "current_password_wrong")
    assert (await alone.token(username=person.email, password=f"{NEW}, number 0")).is_success
