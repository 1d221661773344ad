"""`phasezero keys`, as an operator runs it: a process, an environment, an exit status."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography.fernet import Fernet

from shared_lib.keys import SigningKeyStore
from shared_lib.testing.operator import Operator

pytestmark = pytest.mark.database

AGE = "UPDATE signing_keys SET published_at = published_at - $1::interval"


@pytest.fixture
def operator(tmp_path: Path, keys_url: str, encryption_key: str) -> Operator:
    settings = {
        "IDENTITY_WORKER_DATABASE_URL": keys_url.replace("postgresql:", "postgresql+asyncpg:", 1),
        "IDENTITY_ENCRYPTION_KEY": encryption_key,
    }
    return Operator(tmp_path, settings)


async def test_rotate_refuses_with_reason_and_instant_then_rotates(
    operator: Operator, connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    early = await operator.run("keys", "rotate")
    assert early.status == 1
    assert "refused: key" in early.err
    assert "safe from" in early.err
    early = await operator.run("keys", "rotate", "--json")
    assert early.status == 1
    refusal = json.loads(early.out)
    assert "published since" in refusal["refused"]
    keys = json.loads((await operator.run("keys", "list", "--json")).out)["keys"]
    upcoming = next(key for key in keys if key["state"] == "next")
    assert refusal["safe_at"] == upcoming["next_step_from"]
    waited = datetime.fromisoformat(upcoming["next_step_from"]) - datetime.fromisoformat(
        upcoming["published_at"]
    )
    assert waited == timedelta(seconds=660)

    await connection.execute(AGE, timedelta(seconds=661))
    done = await operator.run("keys", "rotate", "--json")
    assert done.status == 0, done.err
    rotation = json.loads(done.out)
    assert rotation["promoted"] == upcoming["kid"]
    keys = json.loads((await operator.run("keys", "list", "--json")).out)["keys"]
    assert [key["state"] for key in keys] == ["previous", "current", "next"]


async def left(connection: asyncpg.Connection, kind: str) -> list[dict[str, Any]]:
    """The arguments of the jobs of a kind."""
    found = await connection.fetch("SELECT arguments::text FROM jobs WHERE kind = $1", kind)
    return [json.loads(row["arguments"]) for row in found]


async def test_a_turn_by_hand_is_told_to_the_audit_trail(
    operator: Operator, connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    first, second = (key.kid for key in await store.load(connection))
    assert (await operator.run("keys", "rotate")).status == 1
    assert await connection.fetchval("SELECT count(*) FROM security_events") == 0
    await connection.execute(AGE, timedelta(seconds=661))
    assert (await operator.run("keys", "rotate")).status == 0
    event = await connection.fetchrow("SELECT * FROM security_events")
    assert (event["action"], event["resource_id"]) == ("keys.rotate", second)
    assert json.loads(event["changes"])["current"] == [first, second]
    assert await left(connection, "send_security_event") == [{"event_id": str(event["id"])}]


async def test_revoke_takes_effect_and_leaves_what_others_must_hear(
    operator: Operator, connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    first, second = (key.kid for key in await store.load(connection))
    done = await operator.run("keys", "revoke", first, "--reason", "Stolen", "--json")
    assert done.status == 0, done.err
    answer = json.loads(done.out)
    assert (answer["kid"], answer["state"], answer["promoted"]) == (first, "current", second)
    assert answer["known_from"] > answer["revoked_at"]
    listed = json.loads((await operator.run("keys", "list", "--json")).out)["keys"]
    assert [key["state"] for key in listed] == ["revoked", "current", "next"]
    assert listed[0]["revoked_at"] == answer["revoked_at"]
    (fact,) = await left(connection, "send_revocation")
    assert (fact["what"], fact["subject_id"]) == ("signing_key", first)
    assert (fact["tenant"], fact["not_before"]) == (None, None)
    event = await connection.fetchrow("SELECT * FROM security_events")
    assert (event["action"], event["resource_id"], event["reason"]) == (
        *("keys.revoke", first, "Stolen"),
    )
    assert await left(connection, "send_security_event") == [{"event_id": str(event["id"])}]


async def test_revoke_says_what_it_did_and_what_it_costs(
    operator: Operator, connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    first, second = (key.kid for key in await store.load(connection))
    done = await operator.run("keys", "revoke", first, "--reason", "Stolen")
    assert done.status == 0, done.err
    assert f"{first} is revoked" in done.out
    assert f"{second} signs in its place" in done.out
    assert "may refuse its tokens until" in done.out


async def test_revoke_of_a_key_that_there_is_not_leaves_nothing(
    operator: Operator, connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    before = await store.load(connection)
    refused = await operator.run("keys", "revoke", "unknown", "--reason", "Stolen")
    assert (refused.status, refused.out) == (1, "")
    assert "there is no signing key unknown" in refused.err
    assert (await operator.run("keys", "revoke", before[0].kid)).status == 2  # without a reason
    assert await store.load(connection) == before
    assert await connection.fetchval("SELECT count(*) FROM jobs") == 0


@pytest.mark.parametrize("kid", ["-tA4x", "--reasonable", "-", "--help-me"])
async def test_a_kid_may_begin_with_a_dash(
    operator: Operator, connection: asyncpg.Connection, store: SigningKeyStore, kid: str
) -> None:
    await store.ensure(connection)
    await connection.execute(
        "UPDATE signing_keys SET kid = $1 WHERE state = 'next'",
        kid,
    )
    done = await operator.run("keys", "revoke", kid, "--reason", "Stolen", "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["kid"] == kid


async def test_rotate_says_what_it_did(
    operator: Operator, connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    first, second = (key.kid for key in await store.load(connection))
    await connection.execute(AGE, timedelta(seconds=661))
    done = await operator.run("keys", "rotate")
    assert done.status == 0, done.err
    assert f"{first} no longer signs" in done.out
    assert f"{second} signs" in done.out
    listed = await operator.run("keys", "list")
    assert listed.status == 0
    assert [line.split()[1] for line in listed.out.splitlines()] == [
        "state",
        "previous",
        "current",
        "next",
    ]


async def test_the_schedule_is_a_setting(
    operator: Operator, connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    await connection.execute(AGE, timedelta(seconds=5))
    assert (await operator.run("keys", "rotate")).status == 1
    operator.settings |= {"IDENTITY_JWKS_MAX_AGE": "1", "IDENTITY_KEY_MARGIN": "2"}
    assert (await operator.run("keys", "rotate")).status == 0


async def test_settings_come_from_a_file_where_the_environment_lacks_them(
    operator: Operator, connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    lines = "".join(f"{name}='{value}'\n" for name, value in operator.settings.items())
    operator.settings = {}
    named = operator.directory / "named.env"
    named.write_text(lines + "CORE_SOMETHING=else\n")
    assert (await operator.run("keys", "list", "--env-file", str(named))).status == 0
    assert (await operator.run("keys", "list")).status == 2
    (operator.directory / ".data").mkdir()
    named.rename(operator.directory / ".data" / "secrets.env")
    assert (await operator.run("keys", "list")).status == 0
    operator.settings = {"IDENTITY_ENCRYPTION_KEY": Fernet.generate_key().decode()}
    assert "KeysUndecryptable" in (await operator.run("keys", "rotate")).err


async def test_missing_settings_are_named(operator: Operator) -> None:
    operator.settings = {}
    finished = await operator.run("keys", "rotate")
    assert finished.status == 2
    assert "IDENTITY_WORKER_DATABASE_URL" in finished.err
    assert "IDENTITY_ENCRYPTION_KEY" in finished.err


async def test_a_wrong_encryption_key_changes_nothing(
    operator: Operator, connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    await connection.execute(AGE, timedelta(seconds=661))
    before = await store.load(connection)
    operator.settings["IDENTITY_ENCRYPTION_KEY"] = Fernet.generate_key().decode()
    finished = await operator.run("keys", "rotate")
    assert finished.status == 1
    assert "no encryption key opens" in finished.err
    assert await store.load(connection) == before


async def test_a_database_that_is_away_is_an_error_and_no_secret(operator: Operator) -> None:
    secret = operator.settings["IDENTITY_ENCRYPTION_KEY"]
    operator.settings["IDENTITY_WORKER_DATABASE_URL"] = (
        "postgresql+asyncpg://identity_worker:hidden-password@127.0.0.1:1/identity"
    )
    finished = await operator.run("keys", "list")
    assert finished.status == 1
    assert "hidden-password" not in finished.out + finished.err
    assert secret not in finished.out + finished.err


async def test_an_empty_table_is_for_the_service(operator: Operator) -> None:
    finished = await operator.run("keys", "rotate")
    assert finished.status == 1
    assert "the identity service makes the first one" in finished.err


async def test_help_needs_no_settings(operator: Operator) -> None:
    operator.settings = {}
    finished = await operator.run("keys", "rotate", "--help")
    assert finished.status == 0
    assert "--env-file" in finished.out
