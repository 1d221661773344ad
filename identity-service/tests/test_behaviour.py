"""Behaviour is as declared here, and a fault in a table shows in what its roles can do."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.core.models import DATABASE
from app.modules.models import metadata
from shared_lib.prove import behaviour_of, declared_in
from shared_lib.testing.postgres import Cluster

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
async def admin(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    async with cluster.clone() as name:
        connection = await asyncpg.connect(cluster.admin_url(name))
        yield connection
        await connection.close()


async def faults(admin: asyncpg.Connection, table: str, fault: str = "") -> list[str]:
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute(fault or "SELECT")
        return await behaviour_of(admin, DATABASE, table)
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("table", declared_in(DATABASE))
async def test_there_is_no_fault(admin: asyncpg.Connection, table: str) -> None:
    assert await faults(admin, table) == []


# What is done to a table, and what must be said of it.
FAULTS = [
    (
        "service_account_secrets",
        (
            "ALTER TABLE service_accounts ADD UNIQUE (id); ALTER TABLE service_account_secrets"
            " DROP CONSTRAINT fk_service_account_secrets_tenant_id_account_id,"
            " ADD FOREIGN KEY (account_id) REFERENCES service_accounts (id)"
        ),
        "refers to another tenant's row of service_accounts: it reached 1 row",
    ),
    (
        "memberships",
        "ALTER POLICY memberships_auth ON memberships USING (true)",
        "identity_auth could SELECT another's row",
    ),
    (
        "idempotency_keys",
        "ALTER POLICY idempotency_keys_app ON idempotency_keys WITH CHECK (true)",
        "identity_app could INSERT a row of another",
    ),
    (
        "service_account_secrets",
        "GRANT SELECT (secret_hash) ON service_account_secrets TO identity_app",
        "identity_app holds SELECT (secret_hash), which is not declared",
    ),
    (
        "revoked_tokens",
        "ALTER TABLE revoked_tokens DROP CONSTRAINT pk_revoked_tokens, ADD PRIMARY KEY (jti)",
        "identity_auth learns by ON CONFLICT what another has taken",
    ),
    (
        "people",
        "GRANT SELECT ON people TO identity_app",
        "identity_app was not refused to SELECT: it reached",
    ),
]


@pytest.mark.parametrize(("table", "fault", "said"), FAULTS)
async def test_each_fault_is_noticed(
    admin: asyncpg.Connection, table: str, fault: str, said: str
) -> None:
    found = await faults(admin, table, fault)
    assert any(said in each for each in found), found


async def test_nothing_remains(admin: asyncpg.Connection) -> None:
    count = "SELECT count(*) FROM service_accounts"
    before = await admin.fetchval(count)
    transaction = admin.transaction()
    await transaction.start()
    await behaviour_of(admin, DATABASE, "service_accounts")
    assert await admin.fetchval(count) == before
    await transaction.commit()
    assert await admin.fetchval(count) == before


def test_every_declared_table_is_tried() -> None:
    assert set(declared_in(DATABASE)) == set(metadata.tables)
