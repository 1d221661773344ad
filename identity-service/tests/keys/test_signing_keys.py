"""Signing keys of the running service: made once, turned from outside, never replaced."""

import asyncio
import json
import sys
from typing import Any

import asyncpg
import httpx
import jwt
import pytest
from cryptography.fernet import Fernet

from app.core.settings import IdentitySettings
from shared_lib.keys import KeysUndecryptable
from shared_lib.testing.postgres import Cluster
from tests.conftest import (
    ENCRYPTION_KEY,
    Identity,
    bearer,
    client_of,
    make_settings,
    running,
)

FAST = {"jwks_max_age": 1, "key_margin": 12}


async def phasezero(settings: IdentitySettings, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The program, as an operator runs it: another process that knows the settings only."""
    environment = {
        "IDENTITY_WORKER_DATABASE_URL": settings.worker_database_url.get_secret_value(),
        "IDENTITY_ENCRYPTION_KEY": settings.encryption_key.get_secret_value(),
        "IDENTITY_JWKS_MAX_AGE": str(settings.jwks_max_age),
        "IDENTITY_KEY_MARGIN": str(settings.key_margin),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared_lib.cli", *arguments, "--json"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode in (0, 1), errors
    return process.returncode, json.loads(output)


async def kids(client: httpx.AsyncClient) -> list[str]:
    keys = (await client.get("/.well-known/jwks.json")).json()["keys"]
    return [key["kid"] for key in keys]


async def test_two_replicas_that_start_at_once_make_one_key(
    cluster: Cluster, own_database: str
) -> None:
    settings = make_settings(cluster, own_database, "http://127.0.0.1:9")
    ready = asyncio.Event()

    async def start() -> list[str]:
        async with running(settings) as app, client_of(app) as client:
            seen = await kids(client)
            await ready.wait()
            return seen

    replicas = [asyncio.create_task(start()) for _ in range(3)]
    await asyncio.sleep(0)
    ready.set()
    seen = await asyncio.gather(*replicas)
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    states = await admin.fetch("SELECT kid, state FROM signing_keys ORDER BY state")
    assert [row["state"] for row in states] == ["current", "next"]
    current = states[0]["kid"]
    assert all(current in each for each in seen)
    accounts = await admin.fetch("SELECT client_id FROM trusted_clients")
    assert [row["client_id"] for row in accounts] == ["product-core-api"]
    await admin.close()


async def test_keys_that_cannot_be_opened_refuse_the_start(
    cluster: Cluster, own_database: str
) -> None:
    settings = make_settings(cluster, own_database, "http://127.0.0.1:9")
    async with running(settings):
        pass
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    before = await admin.fetch("SELECT * FROM signing_keys ORDER BY kid")
    another = Fernet.generate_key().decode()
    lost = make_settings(cluster, own_database, "http://127.0.0.1:9", encryption_key=another)
    with pytest.raises(KeysUndecryptable):
        async with running(lost):
            pass
    assert await admin.fetch("SELECT * FROM signing_keys ORDER BY kid") == before
    both = f"{another},{ENCRYPTION_KEY}"
    turned = make_settings(cluster, own_database, "http://127.0.0.1:9", encryption_key=both)
    async with running(turned):
        pass
    await admin.close()


async def test_a_turn_in_another_process_is_taken_up_without_a_failed_request(
    cluster: Cluster, own_database: str
) -> None:
    settings = make_settings(cluster, own_database, "http://127.0.0.1:9", **FAST)
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    async with running(settings) as app, client_of(app) as client:
        identity = Identity(app, client, admin, settings)
        person, _ = await identity.make_member()
        signers = set()
        turned: dict[str, Any] | None = None
        async with asyncio.timeout(60):
            while turned is None or turned["promoted"] not in signers:
                token = (await identity.sign_in(person))["access_token"]
                assert (await client.get("/me", headers=bearer(token))).status_code == 200
                signer = jwt.get_unverified_header(token)["kid"]
                assert signer in await kids(client)
                signers.add(signer)
                if turned is None:
                    status, answer = await phasezero(settings, "keys", "rotate")
                    turned = answer if status == 0 else None
        # What the key before has signed is good until it expires.
        assert turned["demoted"] in await kids(client)
        assert signers == {turned["demoted"], turned["promoted"]}
        _, listed = await phasezero(settings, "keys", "list")
        states = {key["kid"]: key["state"] for key in listed["keys"]}
        assert states[turned["promoted"]] == "current"
        assert sorted(states.values()) == ["current", "next", "previous"]
    await admin.close()


async def test_a_turn_that_verifiers_could_not_follow_is_refused(identity: Identity) -> None:
    before = await kids(identity.client)
    status, refusal = await phasezero(identity.settings, "keys", "rotate")
    assert status == 1
    assert refusal["safe_at"]
    assert await kids(identity.client) == before


async def test_private_parts_are_stored_encrypted(identity: Identity) -> None:
    stored = await identity.admin.fetch("SELECT signing_keys::text AS row FROM signing_keys")
    for row in stored:
        assert "PRIVATE KEY" not in row["row"]
        assert b"PRIVATE KEY".hex() not in row["row"]
