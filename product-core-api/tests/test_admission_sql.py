"""The procedure of admission itself, called by the role of requests."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.conftest import MakeOrganization
from tests.operations import SupportSession

pytestmark = pytest.mark.database

_ANY_MODE = 7


@pytest.fixture
async def undone(admin: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The administrator in a transaction that is rolled back, so that a test may lift policies."""
    transaction = admin.transaction()
    await transaction.start()
    yield admin
    await transaction.rollback()


async def admit(connection: asyncpg.Connection, token_tenant: UUID, **settings: UUID) -> None:
    await connection.execute("SET LOCAL ROLE product_app")
    for name, value in settings.items():
        await connection.execute(f"SET LOCAL app.{name} = '{value}'")
    await connection.execute(
        f"CALL public.admit(0, 0, {_ANY_MODE}, '{token_tenant}', '{uuid4()}', 0, NULL)"
    )


async def test_a_transaction_is_admitted_once(undone: asyncpg.Connection) -> None:
    await admit(undone, uuid4())
    with pytest.raises(asyncpg.RaiseError, match="this transaction was admitted before"):
        await admit(undone, uuid4())


async def test_a_support_session_is_the_one_that_is_named(
    make_tenant: MakeOrganization, undone: asyncpg.Connection
) -> None:
    """Even if admission saw the agent's others: its policy shows it the named one alone."""
    tenant = await make_tenant()
    live = await SupportSession(tenant.id).insert(undone)
    await undone.execute("ALTER TABLE support_sessions DISABLE ROW LEVEL SECURITY")
    with pytest.raises(asyncpg.PostgresError, match="token_revoked"):
        await admit(undone, tenant.id, current_actor=live.agent_id, support_session=uuid4())


async def test_the_named_support_session_is_admitted(
    make_tenant: MakeOrganization, undone: asyncpg.Connection
) -> None:
    tenant = await make_tenant()
    live = await SupportSession(tenant.id).insert(undone)
    await admit(undone, tenant.id, current_actor=live.agent_id, support_session=live.id)


async def test_an_organization_is_the_one_that_is_named(
    make_tenant: MakeOrganization, undone: asyncpg.Connection
) -> None:
    """Even if admission saw all: its policy shows it the named one alone."""
    await make_tenant()
    await undone.execute("ALTER TABLE organizations DISABLE ROW LEVEL SECURITY")
    missing = uuid4()
    with pytest.raises(asyncpg.PostgresError, match="tenant_blocked"):
        await admit(undone, missing, current_tenant=missing)
