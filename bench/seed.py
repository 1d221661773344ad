"""Organizations and popups by the thousand, made inside PostgreSQL by its administrator."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
from typing_extensions import override

from infra.postgres.urls import driver_url
from shared_lib.testing.tokens import TokenIssuer
from tests.cluster import Cluster

_POPUPS_EACH = 25
_LIFETIME = 3600  # seconds

# No trigger, no foreign key: what they would say is known. Indexes are made when the rows stand.
_SEED = """
SET session_replication_role = replica;
SET maintenance_work_mem = '256MB';
DELETE FROM popups;
DELETE FROM organizations;
INSERT INTO organizations (tenant_id, slug, name, status, paid, support_access,
    created_at, updated_at, version)
SELECT ('018f0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
    'bench-' || n, 'Organization ' || n, 'active', true, 'read_only', now(), now(), 1
FROM generate_series(1, {tenants}) n;
{without_indexes}
INSERT INTO popups (tenant_id, id, name, slug, tagline, location, starts_at, ends_at, status,
    created_at, updated_at)
SELECT ('018f0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
    gen_random_uuid(), 'Popup ' || m, 'popup-' || m, 'A tagline of usual length', 'Harbour 12',
    now() + interval '1 day', now() + interval '2 days', 'active', made, made
FROM generate_series(1, {popups}) m, generate_series(1, {tenants}) n,
    LATERAL (SELECT now() - interval '400 days' + m * interval '1 minute'
        + n * interval '1 microsecond') AS at(made);
{indexes}
"""


_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE tablename = 'popups' AND indexname LIKE 'ix_%'
"""
_KEYS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 'popups'::regclass AND contype IN ('p', 'u')
"""


@dataclass(frozen=True)
class Size:
    """So many organizations with so many popups each."""

    tenants: int
    popups: int

    @property
    def rows(self) -> int:
        """Of the table of popups."""
        return self.tenants * self.popups

    @override
    def __str__(self) -> str:
        return f"{self.tenants:,} by {self.popups:,}"


def seed(cluster: Cluster, database: str, size: Size) -> None:
    """Replace organizations and popups of `database` by those of `size`."""
    asyncio.run(_seed(driver_url(cluster.administrator_url, database), size))


async def _seed(url: str, size: Size) -> None:
    connection = await asyncpg.connect(url)
    try:
        indexes = await connection.fetch(_INDEXES)
        keys = await connection.fetch(_KEYS)
        await connection.execute(
            _SEED.format(
                tenants=size.tenants,
                popups=size.popups,
                without_indexes="".join(f"DROP INDEX {name};" for name, _ in indexes)
                + "".join(f"ALTER TABLE popups DROP CONSTRAINT {name};" for name, _ in keys),
                indexes="".join(f"{definition};" for _, definition in indexes)
                + "".join(
                    f"ALTER TABLE popups ADD CONSTRAINT {name} {definition};"
                    for name, definition in keys
                ),
            )
        )
        await connection.execute("VACUUM ANALYZE popups")
        await connection.execute("VACUUM ANALYZE organizations")
    finally:
        await connection.close()


def write_callers(
    cluster: Cluster, database: str, issuer: TokenIssuer, path: Path, callers: int = 20
) -> None:
    """What the load tool reads: tenant, token and popup of each request, in turn.

    As many people and popups whatever the size: `callers` people of as many organizations, spread
    over all, or where there are fewer, several of each.
    """
    rows = cluster.sql(
        database,
        """
        WITH chosen AS (
            SELECT tenant_id, row_number() OVER (ORDER BY tenant_id) AS number,
                count(*) OVER () AS tenants FROM organizations
        )
        SELECT tenant_id, popup.id, popup.number % greatest($1 / tenants, 1) AS person
        FROM chosen, LATERAL (
            SELECT id, row_number() OVER (ORDER BY id) AS number
            FROM popups p WHERE p.tenant_id = chosen.tenant_id
            ORDER BY id LIMIT $2 * greatest($1 / tenants, 1)
        ) popup
        WHERE (chosen.number - 1) % greatest(tenants / $1, 1) = 0
            AND (chosen.number - 1) / greatest(tenants / $1, 1) < $1
        """,
        callers,
        _POPUPS_EACH,
    )
    tokens: dict[tuple[UUID, int], str] = {}
    lines = []
    for row in rows:
        caller = tenant, _ = UUID(str(row["tenant_id"])), row["person"]
        if caller not in tokens:
            tokens[caller] = issuer.person(tenant_id=tenant, lifetime=_LIFETIME)
        lines.append((str(row["id"]), f"{tenant} {tokens[caller]} {row['id']}\n"))
    # By the popups' random ids: the organizations take turns.
    path.write_text("".join(line for _, line in sorted(lines)))
