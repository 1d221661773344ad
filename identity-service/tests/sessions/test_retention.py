"""What is over is deleted: sessions with their tokens after a time, sign-ups and resets at once."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import asyncpg
import pytest

from app.core.settings import IdentitySettings
from app.worker import worker_of
from shared_lib.ids import uuid7
from shared_lib.jobs import Worker
from shared_lib.testing.postgres import Cluster
from tests.conftest import Identity, client_of, make_settings, running

DAY = 24 * 3600


@pytest.fixture
async def quiet(cluster: Cluster, own_database: str) -> AsyncIterator[Identity]:
    """A service without a worker of its own."""
    settings = make_settings(cluster, own_database, "http://127.0.0.1:9", session_retention=DAY)
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    async with running(settings) as app, client_of(app) as client:
        yield Identity(app, client, admin, settings)
    await admin.close()


async def signed_in(identity: Identity, **aged: str) -> Any:
    """The id of a session with two refresh tokens, whose columns are then set back."""
    person = await identity.make_person()
    answer = await identity.sign_in(person)
    assert (await identity.refresh(answer["refresh_token"])).status_code == 200
    session_id = await identity.admin.fetchval(
        "SELECT id FROM sign_in_sessions WHERE person_id = $1", person.id
    )
    for column, age in aged.items():
        reason = ", ended_reason = 'signed_out'" if column == "ended_at" else ""
        await identity.admin.execute(
            f"UPDATE sign_in_sessions SET {column} = now() - interval '{age}'{reason}"  # noqa: S608
            " WHERE id = $1",
            session_id,
        )
    return session_id


async def ids(identity: Identity, table: str, column: str = "id") -> set[Any]:
    return {
        row[column]
        for row in await identity.admin.fetch(f"SELECT {column} FROM {table}")  # noqa: S608
    }


async def clean(settings: IdentitySettings) -> None:
    """What the schedule does when its hour has come."""
    worker: Worker[Any]
    async with worker_of(settings) as worker:
        await worker.run_due()


async def test_sessions_go_when_they_are_over_for_long_enough(quiet: Identity) -> None:
    gone = [
        await signed_in(quiet, ended_at="1 day 1 minute"),
        await signed_in(quiet, expires_at="1 day 1 minute"),
        await signed_in(quiet, expires_at="1 day 1 minute", ended_at="2 days"),
        await signed_in(quiet, ended_at="30 days"),
    ]
    kept = [
        await signed_in(quiet),
        await signed_in(quiet, ended_at="23 hours"),
        await signed_in(quiet, expires_at="23 hours"),
    ]
    # More than are deleted at once.
    await quiet.admin.execute(
        "INSERT INTO refresh_tokens (token_hash, session_id, issued_at, expires_at)"
        " SELECT sha256(n::text::bytea), $1, now(), now() FROM generate_series(1, 1200) AS n",
        gone[0],
    )
    assert await ids(quiet, "sign_in_sessions") == {*gone, *kept}
    await clean(quiet.settings)
    assert await ids(quiet, "sign_in_sessions") == set(kept)
    assert await ids(quiet, "refresh_tokens", "session_id") == set(kept)
    count = await quiet.admin.fetchval("SELECT count(*) FROM refresh_tokens")
    assert count == 2 * len(kept)


async def test_sign_ups_and_resets_go_when_nobody_can_complete_them(quiet: Identity) -> None:
    for table, path in (("sign_ups", "/sign-up"), ("password_resets", "/password-reset")):
        for _ in range(3):
            email = f"x-{uuid7().hex}@example.com"
            assert (await quiet.client.post(path, json={"email": email})).status_code == 202
        first, second, third = sorted(await ids(quiet, table))
        await quiet.admin.execute(
            f"UPDATE {table} SET expires_at = now() - interval '1 second' WHERE id = $1",  # noqa: S608
            first,
        )
        await quiet.admin.execute(
            f"UPDATE {table} SET used_at = now() WHERE id = $1",  # noqa: S608
            second,
        )
        await quiet.admin.execute("DELETE FROM schedules")
        await clean(quiet.settings)
        # One that was used is still one of those that an address got within the hour.
        assert await ids(quiet, table) == {second, third}


async def test_it_recurs(quiet: Identity) -> None:
    await clean(quiet.settings)
    due: dict[str, datetime] = {
        row["name"]: row["next_at"] for row in await quiet.admin.fetch("SELECT * FROM schedules")
    }
    now = await quiet.admin.fetchval("SELECT now()")
    for name in ("delete_old_sessions", "delete_old_sign_ups", "delete_old_password_resets"):
        assert due[name] > now


async def test_invitations_go_with_their_addresses_some_time_after_they_are_over(
    quiet: Identity,
) -> None:
    tenant, person = await quiet.make_organization(), await quiet.make_person()
    kept = set()
    for column, days, stays in (
        ("revoked_at", 91, False),
        ("accepted_at", 91, False),
        ("expires_at", 91, False),
        ("revoked_at", 89, True),
        ("accepted_at", 89, True),
        ("expires_at", 89, True),
    ):
        invitation = uuid7()
        await quiet.admin.execute(
            "INSERT INTO invitations (tenant_id, id, email, role, created_at, expires_at)"
            " VALUES ($1, $2, $3, 'viewer', now() - interval '100 days', now())",
            tenant.id,
            invitation,
            f"{invitation}@example.com",
        )
        by = ", accepted_by = $3" if column == "accepted_at" else ", invited_by = $3"
        await quiet.admin.execute(
            f"UPDATE invitations SET {column} = now() - $2 * interval '1 day'{by} WHERE id = $1",  # noqa: S608
            invitation,
            days,
            person.id,
        )
        kept |= {invitation} if stays else set()
    await clean(quiet.settings)
    assert await ids(quiet, "invitations") == kept
