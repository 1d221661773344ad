"""What anybody may have mailed is asked for so often and no more, known address or not."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from shared_lib.ids import uuid7
from shared_lib.testing.postgres import Cluster
from shared_lib.testing.proxy import proxied
from tests.conftest import Identity, client_of, make_settings, running

PATHS = ("/sign-up", "/password-reset")
PEER = "203.0.113.5"


@pytest.fixture
async def service(
    cluster: Cluster, database_name: str, identity: Identity
) -> AsyncIterator[FastAPI]:
    limits = {"mail_limit_account": "2/hour", "mail_limit_address": "5/hour"}
    settings = make_settings(cluster, database_name, identity.settings.core_url, **limits)
    async with running(settings) as app:
        yield app


async def ask(app: FastAPI, path: str, email: str, peer: str = PEER) -> httpx.Response:
    async with AsyncExitStack() as opened:
        client = await opened.enter_async_context(client_of(app, peer))
        return await client.post(path, json={"email": email})


def told(answer: httpx.Response) -> Any:
    body = dict(answer.json())
    body.pop("request_id", None)
    return answer.status_code, body


@pytest.mark.parametrize("path", PATHS)
async def test_per_address_that_mail_goes_to(
    service: FastAPI, identity: Identity, path: str
) -> None:
    person, _ = await identity.make_member()
    answers: dict[str, list[Any]] = {}
    for email in (person.email, "nobody@example.com"):
        spellings = (email.upper(), email.lower(), email)
        answers[email] = [
            told(await ask(service, path, each, f"192.0.2.{number}"))
            for number, each in enumerate(spellings)
        ]
    known, unknown = answers.values()
    assert known == unknown
    assert [status for status, _ in known] == [202, 202, 202], "nobody is told"
    table = path.removeprefix("/").replace("-", "_") + "s"
    asked = f"SELECT count(*) FROM {table} WHERE lower(email) = lower($1)"  # noqa: S608
    for email in answers:
        assert await identity.admin.fetchval(asked, email) == 2


@pytest.mark.parametrize("path", PATHS)
async def test_per_client_address(service: FastAPI, path: str) -> None:
    answers = [await ask(service, path, f"{number}@example.com") for number in range(6)]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429]
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 3600
    assert (await ask(service, path, "ann@example.com", "192.0.2.9")).status_code == 202


async def test_both_count_together(service: FastAPI, identity: Identity) -> None:
    email = f"{uuid7().hex}@example.com"
    for number, path in enumerate((*PATHS, *PATHS)):
        answer = await ask(service, path, email, f"192.0.2.{number}")
        assert answer.status_code == 202
    for table in ("sign_ups", "password_resets"):
        asked = f"SELECT count(*) FROM {table} WHERE email = $1"  # noqa: S608
        assert await identity.admin.fetchval(asked, email) == 1


@pytest.mark.parametrize("path", PATHS)
async def test_what_an_outage_refused_does_not_count(
    cluster: Cluster, database_name: str, identity: Identity, path: str
) -> None:
    """Or the mail of whoever asks again afterwards would silently not be sent."""
    email = f"{uuid7().hex}@example.com"
    settings = make_settings(cluster, database_name, identity.settings.core_url)
    url = settings.auth_database_url.get_secret_value()
    limits = {"mail_limit_account": "1/hour", "mail_limit_address": "1/hour"}
    async with proxied(url) as proxy:
        changes = {"auth_database_url": SecretStr(proxy.url(url)), **limits}
        async with running(settings.model_copy(update=changes)) as app:
            await proxy.refuse()
            for _ in range(3):
                answer = await ask(app, path, email)
                assert told(answer)[0] == 503
            await proxy.open()
            assert told(await ask(app, path, email))[0] == 202
    table = path.removeprefix("/").replace("-", "_") + "s"
    asked = f"SELECT count(*) FROM {table} WHERE email = $1"  # noqa: S608
    assert await identity.admin.fetchval(asked, email) == 1
