"""Revoking a signing key: who may, what follows from it here, and that the core is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import jwt
import pytest

from app.core.settings import IdentitySettings
from shared_lib.testing.operator import Operator
from shared_lib.testing.postgres import Cluster
from tests.conftest import Identity, bearer, client_of, make_settings, running, working
from tests.core_receiver import CoreReceiver, eventually

REASON = "The signing host was broken into"


@asynccontextmanager
async def serving(settings: IdentitySettings, admin: asyncpg.Connection) -> AsyncIterator[Identity]:
    async with running(settings) as app, client_of(app) as client:
        yield Identity(app, client, admin, settings)


@pytest.fixture
async def own_admin(cluster: Cluster, own_database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(cluster.admin_url(own_database))
    yield connection
    await connection.close()


@pytest.fixture
async def own(
    cluster: Cluster, own_database: str, own_admin: asyncpg.Connection, core: CoreReceiver
) -> AsyncIterator[Identity]:
    """A service whose keys a test may revoke, without a worker."""
    async with serving(make_settings(cluster, own_database, core.url), own_admin) as identity:
        yield identity


async def token_of(identity: Identity, platform_role: str | None = "platform_admin") -> str:
    person = await identity.make_person(platform_role=platform_role)
    return str((await identity.sign_in(person))["access_token"])


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def published(identity: Identity) -> set[str]:
    document = (await identity.client.get("/.well-known/jwks.json")).json()
    return {key["kid"] for key in document["keys"]}


async def revoke(identity: Identity, token: str, kid: str, **body: Any) -> httpx.Response:
    return await identity.client.post(
        f"/admin/keys/{kid}/revoke", headers=bearer(token), json={"reason": REASON, **body}
    )


async def is_alive(identity: Identity, token: str) -> bool:
    response = await identity.client.get("/me", headers=bearer(token))
    assert response.status_code in (200, 401), response.text
    return response.status_code == 200


async def test_an_admin_sees_every_key_and_no_private_part(own: Identity) -> None:
    token = await token_of(own)
    response = await own.client.get("/admin/keys", headers=bearer(token))
    assert response.status_code == 200
    upcoming, current = response.json()["results"]
    assert (current["state"], current["kid"]) == ("current", kid_of(token))
    assert upcoming["state"] == "next"
    assert upcoming["next_step_from"] > upcoming["published_at"]
    assert {current["kid"], upcoming["kid"]} == await published(own)
    assert "private" not in response.text


@pytest.mark.parametrize("role", [None, "support_agent"])
async def test_nobody_else_sees_or_revokes_keys(own: Identity, role: str | None) -> None:
    token = await token_of(own, role)
    for response in (
        await own.client.get("/admin/keys", headers=bearer(token)),
        await revoke(own, token, kid_of(token)),
    ):
        assert (response.status_code, response.json()["detail"]) == (403, "missing_permission")
    assert (await own.client.get("/admin/keys")).status_code == 401
    assert await is_alive(own, token)


async def test_a_revoked_current_key_is_replaced_at_once(own: Identity) -> None:
    token = await token_of(own)
    revoked = kid_of(token)
    (upcoming,) = await published(own) - {revoked}
    response = await revoke(own, token, revoked)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert (answer["kid"], answer["replaced_by"]) == (revoked, upcoming)
    assert answer["replacement_known_from"] > answer["revoked_at"]

    assert revoked not in await published(own)
    assert len(await published(own)) == 2
    refused = await own.client.get("/me", headers=bearer(token))
    assert (refused.status_code, refused.json()["detail"]) == (401, "invalid_token")
    again = await token_of(own)
    assert kid_of(again) == upcoming
    assert await is_alive(own, again)
    keys = (await own.client.get("/admin/keys", headers=bearer(again))).json()["results"]
    assert [key["state"] for key in keys] == ["next", "current", "revoked"]
    assert keys[2]["revoked_at"] == answer["revoked_at"]
    row = await own.admin.fetchrow("SELECT * FROM signing_keys WHERE kid = $1", revoked)
    assert row["private_key"] is None


async def test_who_signed_in_goes_on_with_the_refresh_token(own: Identity) -> None:
    person = await own.make_person(platform_role="platform_admin")
    signed_in = await own.sign_in(person)
    token = signed_in["access_token"]
    assert (await revoke(own, token, kid_of(token))).status_code == 200
    refreshed = await own.refresh(signed_in["refresh_token"])
    assert refreshed.status_code == 200
    assert await is_alive(own, refreshed.json()["access_token"])


async def test_other_processes_sign_and_accept_it_no_longer(
    own: Identity, own_admin: asyncpg.Connection
) -> None:
    token = await token_of(own)
    async with serving(own.settings, own_admin) as elsewhere:
        assert await is_alive(elsewhere, token)
        assert (await revoke(own, token, kid_of(token))).status_code == 200

        async def is_refused() -> bool:
            return not await is_alive(elsewhere, token)

        await eventually(is_refused)
        assert await published(elsewhere) == await published(own)
        assert await is_alive(own, await token_of(elsewhere))


def told_of(core: CoreReceiver, kid: str) -> list[dict[str, Any]]:
    every = [event for sent in core.received for event in sent.body.get("events", [])]
    return [event for event in every if event["resource_id"] == kid]


async def test_the_core_and_the_audit_trail_are_told(own: Identity, core: CoreReceiver) -> None:
    person = await own.make_person(platform_role="platform_admin")
    token = str((await own.sign_in(person))["access_token"])
    revoked = kid_of(token)
    async with working(own.settings):
        response = await revoke(own, token, revoked)

        async def both() -> bool:
            return bool(core.revoked(revoked) and told_of(core, revoked))

        await eventually(both)
    (revocation,) = core.revoked(revoked)
    assert (revocation["kind"], revocation["not_before"]) == ("signing_key", None)
    assert revocation["ended_at"][:19] == response.json()["revoked_at"][:19]
    (event,) = told_of(core, revoked)
    assert (event["action"], event["reason"]) == ("keys.revoke", REASON)
    assert (UUID(event["actor_id"]), event["actor_role"]) == (person.id, "platform_admin")
    assert UUID(event["tenant_id"]).int == 1


async def test_revoking_again_changes_nothing(own: Identity) -> None:
    token = await token_of(own)
    revoked = kid_of(token)
    first = await revoke(own, token, revoked)
    again = await revoke(own, await token_of(own), revoked)
    assert again.status_code == 200
    assert again.json()["revoked_at"] == first.json()["revoked_at"]
    assert again.json()["replaced_by"] is None
    told = "SELECT count(*) FROM security_events WHERE resource_id = $1"
    assert await own.admin.fetchval(told, revoked) == 2  # each once
    assert len(await published(own)) == 2


async def test_two_who_revoke_at_once_leave_one_key_that_signs(own: Identity) -> None:
    tokens = [await token_of(own) for _ in range(2)]
    responses = await asyncio.gather(*(revoke(own, each, kid_of(each)) for each in tokens))
    assert {response.status_code for response in responses} <= {200, 401}
    replaced = {response.json().get("replaced_by") for response in responses} - {None}
    assert len(replaced) == 1
    states = await own.admin.fetch("SELECT state FROM signing_keys ORDER BY state")
    assert [row["state"] for row in states] == ["current", "next", "revoked"]


@pytest.mark.parametrize("kid", ["unknown", "%00", "a%00b", "k" * 5000])
async def test_a_key_that_there_is_not_is_not_found(own: Identity, kid: str) -> None:
    response = await revoke(own, await token_of(own), kid)
    assert (response.status_code, response.json()["detail"]) == (404, "signing_key_not_found")


@pytest.mark.parametrize("reason", ["", "   ", "a\x00b", "x" * 1001, None])
async def test_a_revocation_needs_a_reason(own: Identity, reason: str | None) -> None:
    token = await token_of(own)
    response = await revoke(own, token, kid_of(token), reason=reason)
    assert response.status_code == 422
    assert await is_alive(own, token)


async def test_what_the_operators_program_leaves_arrives(
    own: Identity, core: CoreReceiver, tmp_path: Path
) -> None:
    """`phasezero` knows the names and arguments of the jobs by heart; here is where they count."""
    token = await token_of(own)
    revoked = kid_of(token)
    settings = own.settings
    operator = Operator(
        tmp_path,
        {
            "IDENTITY_WORKER_DATABASE_URL": settings.worker_database_url.get_secret_value(),
            "IDENTITY_ENCRYPTION_KEY": settings.encryption_key.get_secret_value(),
        },
    )
    done = await operator.run("keys", "revoke", revoked, "--reason", REASON)
    assert done.status == 0, done.err

    async def is_refused() -> bool:
        return not await is_alive(own, token)

    await eventually(is_refused)
    async with working(settings):

        async def everything_is_told() -> bool:
            """Of this key: others may turn meanwhile, and be told of later."""
            left = "SELECT count(*) FROM security_events WHERE resource_id = $1"
            told = core.revoked(revoked) and told_of(core, revoked)
            return bool(told) and not await own.admin.fetchval(left, revoked)

        await eventually(everything_is_told)
    (revocation,) = core.revoked(revoked)
    assert (revocation["kind"], revocation["tenant_id"]) == ("signing_key", None)
    (event,) = told_of(core, revoked)
    assert (event["action"], event["reason"]) == ("keys.revoke", REASON)
    assert (event["user_agent"], event["actor_id"]) == ("phasezero", None)
