"""Sessions that ended for reasons which the revision before does not know, taken back to it."""

import asyncpg
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.postgres import Cluster
from tests.core.test_migrations import alembic, faults, ours

BEFORE = "2026_11_20_members"


async def test_every_end_stays_an_end(cluster: Cluster, own_database: str) -> None:
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    person_id = uuid7()
    await admin.execute(
        "INSERT INTO people (id, email, name, created_at, updated_at, password_changed_at)"
        " VALUES ($1, 'ada@example.com', 'Ada', now(), now(), now())",
        person_id,
    )
    for reason in ("person_deactivated", "refresh_token_reused", None):
        await admin.execute(
            "INSERT INTO sign_in_sessions (id, person_id, client_id, amr, auth_time, created_at,"
            " last_used_at, expires_at, ended_at, ended_reason, client_ip)"
            " VALUES ($1, $2, 'phase-zero-web', 'pwd', now(), now(), now(), now(),"
            " CASE WHEN $3::text IS NOT NULL THEN now() END, $3, '192.0.2.1')",
            uuid7(),
            person_id,
            reason,
        )
    await alembic(cluster, own_database, "downgrade", BEFORE)
    reasons = await admin.fetch("SELECT ended_reason FROM sign_in_sessions ORDER BY id")
    assert [row["ended_reason"] for row in reasons] == ["signed_out", "refresh_token_reused", None]
    with pytest.raises(asyncpg.CheckViolationError, match="stays ended"):
        await admin.execute("UPDATE sign_in_sessions SET ended_at = NULL, ended_reason = NULL")
    await alembic(cluster, own_database, "upgrade", "head")
    assert await admin.fetchval("SELECT count(*) FROM sign_in_sessions") == 3
    assert await faults(cluster, own_database) == []
    await admin.close()


async def test_nothing_of_it_is_left_behind(cluster: Cluster, own_database: str) -> None:
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    await alembic(cluster, own_database, "downgrade", BEFORE)
    after = await ours(admin)
    await alembic(cluster, own_database, "downgrade", "base")
    await alembic(cluster, own_database, "upgrade", BEFORE)
    assert await ours(admin) == after
    await admin.close()
