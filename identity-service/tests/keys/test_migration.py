"""Keys that were revoked, where nobody knows the word: kept, and still not published."""

import asyncpg

from app.core.models import DATABASE, metadata
from shared_lib.tables import catalogue_faults
from shared_lib.testing.postgres import Cluster
from tests.service_accounts.test_migration import alembic

BEFORE = "2026_11_20_service_accounts"
INSERT = """
INSERT INTO signing_keys (kid, state, public_jwk, published_at, activated_at, deactivated_at,
                          retired_at, revoked_at)
VALUES ('unused', 'revoked', '{}', now(), NULL, NULL, NULL, now()),
       ('signed', 'revoked', '{}', now(), now(), NULL, NULL, now()),
       ('over', 'revoked', '{}', now(), now(), now(), now() - interval '1 day', now()),
       ('retired', 'retired', '{}', now(), now(), now(), now(), NULL)
"""


async def test_a_revoked_key_is_a_retired_one_to_the_version_before(
    cluster: Cluster, own_database: str
) -> None:
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    await admin.execute(INSERT)
    await alembic(cluster, own_database, "downgrade", BEFORE)
    rows = await admin.fetch(
        "SELECT kid, state, retired_at < now() - interval '1 hour' AS long"
        " FROM signing_keys ORDER BY kid"
    )
    assert {row["state"] for row in rows} == {"retired"}
    assert [row["kid"] for row in rows if row["long"]] == ["over"]
    await alembic(cluster, own_database, "upgrade", "head")
    assert await admin.fetchval("SELECT count(*) FROM signing_keys WHERE revoked_at IS NULL") == 4
    assert await catalogue_faults(admin, metadata, DATABASE) == []
    await admin.close()
