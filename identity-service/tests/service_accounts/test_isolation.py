"""What each role of the database sees and changes of service accounts, tried on the tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from app.core.settings import IdentitySettings
from shared_lib.postgres import TenantConnection
from tests.conftest import Identity
from tests.service_accounts.accounts import Account, Owner


@pytest.fixture
async def account(identity: Identity) -> Account:
    return await (await Owner.make(identity)).create()


@asynccontextmanager
async def connected(settings: IdentitySettings, role: str) -> AsyncIterator[asyncpg.Connection]:
    url = getattr(settings, f"{role}_database_url").get_secret_value().replace("+asyncpg", "")
    connection = await asyncpg.connect(url, connection_class=TenantConnection)
    try:
        yield connection
    finally:
        await connection.close()


TABLES = ("service_accounts", "service_account_secrets", "revoked_tokens")


async def use(account: Account) -> None:
    """Leave a row of it in each table."""
    await account.post("/revoke", token=await account.token())


@pytest.mark.parametrize("table", TABLES)
async def test_sign_in_sees_the_one_account_that_it_is_asked_about(
    settings: IdentitySettings, account: Account, table: str
) -> None:
    accounts = [account, await account.owner.create()]
    async with connected(settings, "auth") as connection:
        key = "id" if table == "service_accounts" else "account_id"
        statement = f"SELECT {key} FROM {table}"  # noqa: S608
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await connection.execute(statement)
        for each in accounts:
            await use(each)
            await connection.execute(f"SET app.current_actor = '{each.id}'")
            rows = await connection.fetch(statement)
            assert [str(row[key]) for row in rows] == [each.id]


@pytest.mark.parametrize("table", TABLES[:2])
async def test_requests_see_their_organization(
    settings: IdentitySettings, account: Account, table: str
) -> None:
    other = await (await Owner.make(account.owner.identity)).create()
    async with connected(settings, "app") as connection:
        statement = f"SELECT DISTINCT tenant_id FROM {table}"  # noqa: S608
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await connection.execute(statement)
        for each in (account, other):
            tenant_id = each.owner.organization.id
            await connection.execute(f"SET app.current_tenant = '{tenant_id}'")
            assert [row["tenant_id"] for row in await connection.fetch(statement)] == [tenant_id]


@pytest.mark.parametrize(
    ("role", "table"),
    [
        ("app", "revoked_tokens"),
        *((role, table) for role in ("platform", "worker") for table in TABLES),
    ],
)
async def test_no_other_role_sees_all_of_any(
    settings: IdentitySettings, role: str, table: str
) -> None:
    async with connected(settings, role) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"SELECT * FROM {table}")  # noqa: S608


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT name FROM service_accounts",
        "UPDATE service_accounts SET role = 'admin'",
        "UPDATE service_account_secrets SET secret_hash = sha256('mine')",
        "UPDATE service_account_secrets SET revoked_at = NULL",
        "UPDATE service_account_secrets SET expires_at = NULL",
        "INSERT INTO service_account_secrets SELECT * FROM service_account_secrets",
        "DELETE FROM service_accounts",
        "UPDATE trusted_clients SET secret_hash = sha256('mine')",
    ],
)
async def test_sign_in_reads_no_name_and_changes_no_account(
    settings: IdentitySettings, account: Account, statement: str
) -> None:
    async with connected(settings, "auth") as connection:
        await connection.execute(f"SET app.current_actor = '{account.id}'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT secret_hash FROM service_account_secrets",  # T7
        "UPDATE service_accounts SET name = 'x'",
        "UPDATE service_accounts SET role = 'admin'",
        "UPDATE service_account_secrets SET secret_hash = sha256('mine')",
        "UPDATE service_account_secrets SET expires_at = NULL",
        "DELETE FROM service_account_secrets",
    ],
)
async def test_requests_read_no_hash_and_change_nothing_but_ends(
    settings: IdentitySettings, account: Account, statement: str
) -> None:
    async with connected(settings, "app") as connection:
        await connection.execute(f"SET app.current_tenant = '{account.owner.organization.id}'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE service_accounts SET revoked_at = NULL, tokens_not_before = NULL",
        "UPDATE service_account_secrets SET revoked_at = NULL",
    ],
)
async def test_what_was_revoked_stays_revoked(
    settings: IdentitySettings, account: Account, statement: str
) -> None:
    await account.revoke()
    async with connected(settings, "app") as connection:
        await connection.execute(f"SET app.current_tenant = '{account.owner.organization.id}'")
        with pytest.raises(asyncpg.CheckViolationError, match="stays ended"):
            await connection.execute(statement)


async def test_nobody_gives_an_account_of_another_organization_a_secret(
    settings: IdentitySettings, account: Account
) -> None:
    """The reference is to (organization, account): foreign-key checks see no policy."""
    stranger = await Owner.make(account.owner.identity)
    async with connected(settings, "app") as connection:
        await connection.execute(f"SET app.current_tenant = '{stranger.organization.id}'")
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await connection.execute(
                "INSERT INTO service_account_secrets (tenant_id, account_id, id, secret_hash,"
                " created_at) VALUES ($1, $2, $2, sha256('mine'), now())",
                stranger.organization.id,
                account.id,
            )


async def test_the_worker_reads_what_ended_and_nothing_else(
    settings: IdentitySettings, account: Account
) -> None:
    """`phasezero reconcile` tells the core again, as role worker."""
    await use(account)
    await account.revoke()
    async with connected(settings, "worker") as connection:
        ended = await connection.fetchval(
            "SELECT tokens_not_before FROM service_accounts WHERE id = $1", account.id
        )
        tokens = await connection.fetch("SELECT jti, revoked_at FROM revoked_tokens")
        assert ended
        assert tokens
        for statement in (
            "SELECT name FROM service_accounts",
            "SELECT secret_hash FROM service_account_secrets",
            "UPDATE service_accounts SET revoked_at = now()",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
