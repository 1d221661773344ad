"""Each condition of the procedure of admission, asked of it itself by the role of requests."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from shared_lib.clock import utc_now
from tests.conftest import MakeOrganization
from tests.operations import SupportSession

pytestmark = pytest.mark.database

ANYWHERE = UUID(int=0)
ISSUED_AT = 100
ACTIVE, READ_ONLY, ANY_MODE = 1, 2, 7
REVOKED, BLOCKED, ONLY_READ = "PT401", "PT403", "PT423"
YESTERDAY, TOMORROW = -timedelta(days=1), timedelta(days=1)


@dataclass(frozen=True)
class Caller:
    """Who asks for admission, with a token of `organization`; nobody has revoked anything of his.

    `sees`: whether the transaction is one on that organization's rows.
    """

    organization: UUID
    is_client: int = 0
    writes: int = 0
    modes: int = ANY_MODE
    sees: bool = True
    support_session: UUID | None = None
    sid: UUID = field(default_factory=uuid4)
    person: UUID = field(default_factory=uuid4)
    actor: UUID = field(default_factory=uuid4)
    signing_key: UUID = field(default_factory=uuid4)

    async def admit(self, connection: asyncpg.Connection) -> None:
        """Raises PostgresError."""
        settings = {
            "current_tenant": self.organization if self.sees else "",
            "current_person": self.person,
            "current_actor": self.actor,
            "support_session": self.support_session or "",
        }
        await connection.execute("SET LOCAL ROLE product_app")
        for name, value in settings.items():
            await connection.execute(f"SET LOCAL app.{name} = '{value}'")
        await connection.execute(
            "CALL public.admit($1, $2, $3, $4, $5, $6, $7)",
            *(self.is_client, self.writes, self.modes),
            *(self.organization, self.sid, ISSUED_AT, self.signing_key),
        )

    async def refusal(self, connection: asyncpg.Connection) -> str | None:
        """The SQLSTATE, None where he is admitted; in a transaction that is undone."""
        nested = connection.transaction()
        await nested.start()
        try:
            await self.admit(connection)
        except asyncpg.PostgresError as error:
            state: str = error.sqlstate
            return state
        finally:
            await nested.rollback()
        return None


@pytest.fixture
async def undone(admin: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The administrator in a transaction that is rolled back, so that a test may lift policies."""
    transaction = admin.transaction()
    await transaction.start()
    yield admin
    await transaction.rollback()


async def revoke(
    admin: asyncpg.Connection,
    subject: UUID,
    kind: str,
    not_before: int | None = None,
    *,
    within: UUID = ANYWHERE,
) -> None:
    await admin.execute(
        "INSERT INTO revocations (subject_id, kind, tenant_id, not_before, ended_at, received_at)"
        " VALUES ($1, $2, $3, to_timestamp($4::bigint), now(), now())",
        *(subject, kind, within, not_before),
    )


async def test_a_transaction_is_admitted_once(undone: asyncpg.Connection) -> None:
    caller = Caller(uuid4(), sees=False)
    await caller.admit(undone)
    with pytest.raises(asyncpg.RaiseError, match="this transaction was admitted before"):
        await caller.admit(undone)


@pytest.mark.parametrize(
    ("whose", "kind", "not_before"),
    [
        ("sid", "session", None),
        ("person", "person", ISSUED_AT),
        ("actor", "service_account", ISSUED_AT),
        ("signing_key", "signing_key", None),
    ],
)
@pytest.mark.parametrize("sees", [True, False])
async def test_what_was_revoked_is_refused(
    make_tenant: MakeOrganization,
    undone: asyncpg.Connection,
    whose: str,
    kind: str,
    not_before: int | None,
    *,
    sees: bool,
) -> None:
    tenant = await make_tenant()
    caller = Caller(tenant.id, sees=sees)
    assert await caller.refusal(undone) is None
    await revoke(undone, getattr(caller, whose), kind, not_before)
    assert await caller.refusal(undone) == REVOKED
    assert await Caller(tenant.id, sees=sees).refusal(undone) is None


@pytest.mark.parametrize(("not_before", "refusal"), [(ISSUED_AT - 1, None), (ISSUED_AT, REVOKED)])
async def test_a_token_that_was_issued_later_is_admitted(
    make_tenant: MakeOrganization, undone: asyncpg.Connection, not_before: int, refusal: str | None
) -> None:
    caller = Caller((await make_tenant()).id)
    await revoke(undone, caller.person, "person", not_before)
    assert await caller.refusal(undone) == refusal


async def test_the_end_of_a_membership_is_that_organizations_alone(
    make_tenant: MakeOrganization, undone: asyncpg.Connection
) -> None:
    caller = Caller((await make_tenant()).id)
    other = replace(caller, organization=(await make_tenant()).id)
    await revoke(undone, caller.person, "membership", ISSUED_AT, within=caller.organization)
    assert await caller.refusal(undone) == REVOKED
    assert await other.refusal(undone) is None


async def in_session(
    make_tenant: MakeOrganization, undone: asyncpg.Connection, mode: str = "read_only"
) -> Caller:
    tenant = await make_tenant()
    live = await SupportSession(tenant.id, mode=mode).insert(undone)
    return Caller(tenant.id, actor=live.agent_id, support_session=live.id)


async def test_a_support_session_is_the_one_that_is_named(
    make_tenant: MakeOrganization, undone: asyncpg.Connection
) -> None:
    """Even if admission saw the agent's others: its policy shows it the named one alone."""
    agent = await in_session(make_tenant, undone)
    assert await agent.refusal(undone) is None
    await undone.execute("ALTER TABLE support_sessions DISABLE ROW LEVEL SECURITY")
    assert await replace(agent, support_session=uuid4()).refusal(undone) == REVOKED


@pytest.mark.parametrize(
    "change", ["ended_at = now()", "expires_at = now()", "agent_id = gen_random_uuid()"]
)
async def test_a_support_session_that_is_over_or_anothers_opens_nothing(
    make_tenant: MakeOrganization, undone: asyncpg.Connection, change: str
) -> None:
    agent = await in_session(make_tenant, undone)
    await undone.execute(
        f"UPDATE support_sessions SET {change} WHERE id = $1",  # noqa: S608
        agent.support_session,
    )
    assert await agent.refusal(undone) == REVOKED
    assert await replace(agent, sees=False).refusal(undone) == REVOKED


async def test_a_support_session_opens_its_own_organization_only(
    make_tenant: MakeOrganization, undone: asyncpg.Connection
) -> None:
    agent = await in_session(make_tenant, undone)
    other = await make_tenant()
    assert await replace(agent, organization=other.id).refusal(undone) == REVOKED


async def test_what_a_support_session_may_do(
    make_tenant: MakeOrganization, undone: asyncpg.Connection
) -> None:
    """It reads in any access mode, and writes in an active organization if its own mode says so."""
    reader = await in_session(make_tenant, undone)
    writer = await in_session(make_tenant, undone, "read_write")
    assert await replace(reader, writes=1).refusal(undone) == ONLY_READ
    assert await replace(writer, writes=1).refusal(undone) is None
    await undone.execute("UPDATE organizations SET paid = false")
    assert await replace(writer, writes=1).refusal(undone) == ONLY_READ
    await undone.execute("UPDATE organizations SET status = 'suspended'")
    assert await replace(reader, modes=ACTIVE).refusal(undone) is None
    assert await replace(writer, writes=1, modes=ACTIVE).refusal(undone) == BLOCKED


async def test_an_organization_is_the_one_that_is_named(
    make_tenant: MakeOrganization, undone: asyncpg.Connection
) -> None:
    """Even if admission saw all: its policy shows it the named one alone."""
    await make_tenant()
    await undone.execute("ALTER TABLE organizations DISABLE ROW LEVEL SECURITY")
    missing = Caller(uuid4())
    assert await missing.refusal(undone) == BLOCKED
    assert await replace(missing, sees=False).refusal(undone) is None


@pytest.mark.parametrize(
    ("status", "paid", "trial", "of_workers", "of_clients"),
    [
        ("active", True, None, None, None),
        ("active", True, YESTERDAY, None, None),
        ("active", False, TOMORROW, None, None),
        ("active", False, YESTERDAY, ONLY_READ, BLOCKED),
        ("active", False, None, ONLY_READ, BLOCKED),
        ("suspended", True, TOMORROW, BLOCKED, BLOCKED),
    ],
)
async def test_who_works_in_an_organization(
    make_tenant: MakeOrganization,
    undone: asyncpg.Connection,
    status: str,
    paid: object,
    trial: timedelta | None,
    of_workers: str | None,
    of_clients: str | None,
) -> None:
    ends = utc_now() + trial if trial else None
    tenant = await make_tenant(status=status, paid=bool(paid), trial_ends_at=ends)
    worker = Caller(tenant.id, modes=ACTIVE)
    client = replace(worker, is_client=1)
    for writes in (0, 1):
        assert await replace(worker, writes=writes).refusal(undone) == of_workers
        assert await replace(client, writes=writes).refusal(undone) == of_clients
    reading = replace(worker, modes=ACTIVE | READ_ONLY)
    assert await reading.refusal(undone) == (of_workers if of_workers == BLOCKED else None)
    assert await replace(client, modes=ANY_MODE).refusal(undone) is None
