"""A support session that has ended stays ended, whoever has a grant on its end."""

import asyncpg
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.postgres import Cluster
from tests.conftest import Tenant

pytestmark = pytest.mark.database


@pytest.mark.parametrize("role", ["product_app", "product_platform", "product_worker"])
async def test_nobody_opens_it_again(
    admin: asyncpg.Connection, tenant: Tenant, cluster: Cluster, database_name: str, role: str
) -> None:
    session = uuid7()
    await admin.execute(
        "INSERT INTO support_sessions (tenant_id, id, agent_id, agent_sid, role, mode, reason,"
        " started_at, expires_at, ended_at) VALUES ($1, $2, $2, $2, 'support', 'read_only',"
        " 'over and done with', now(), now() + interval '10 minutes', now())",
        tenant.id,
        session,
    )
    url = cluster.url(database_name, role).replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL app.current_tenant = '{tenant.id}'")
            with pytest.raises(asyncpg.CheckViolationError, match="stays ended"):
                await connection.execute(
                    "UPDATE support_sessions SET ended_at = NULL WHERE id = $1", session
                )
    finally:
        await connection.close()
