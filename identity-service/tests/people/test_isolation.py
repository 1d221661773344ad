"""What each role of the database sees of memberships, tried on the tables themselves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from shared_lib.ids import uuid7
from shared_lib.postgres import TenantConnection
from shared_lib.testing.postgres import Cluster
from tests.conftest import Identity

SOMEBODY = "01a1fa60-0000-7000-8000-000000000001"  # the same in every process that collects


@asynccontextmanager
async def connected(
    cluster: Cluster, database: str, role: str
) -> AsyncIterator[asyncpg.Connection]:
    url = cluster.url(database, role).replace("+asyncpg", "")
    connection = await asyncpg.connect(url, connection_class=TenantConnection)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("role", "setting"),
    [("identity_app", "app.current_tenant"), ("identity_auth", "app.current_person")],
)
async def test_a_role_sees_the_rows_of_its_setting_only(
    cluster: Cluster, database_name: str, identity: Identity, role: str, setting: str
) -> None:
    person, organization = await identity.make_member()
    await identity.make_member()
    visible = organization.id if role == "identity_app" else person.id
    async with connected(cluster, database_name, role) as connection:
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await connection.fetch("SELECT * FROM memberships")
        await connection.execute(f"SET {setting} = '{visible}'")
        rows = await connection.fetch("SELECT tenant_id, person_id FROM memberships")
        assert [tuple(row) for row in rows] == [(organization.id, person.id)]
        await connection.execute(f"SET {setting} = '{uuid7()}'")
        assert await connection.fetch("SELECT * FROM memberships") == []


@pytest.mark.parametrize(
    ("role", "table"),
    [
        ("identity_auth", "signing_keys"),
        ("identity_app", "signing_keys"),
        *(
            (role, table)
            for role in ("identity_app", "identity_platform", "identity_worker")
            for table in ("people", "credentials", "sign_in_sessions", "refresh_tokens")
            # Mail goes to addresses, and the core is told names.
            if (role, table) != ("identity_worker", "people")
        ),
    ],
)
async def test_sign_in_tables_are_for_sign_in_only(
    cluster: Cluster, database_name: str, role: str, table: str
) -> None:
    async with connected(cluster, database_name, role) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(f"SELECT * FROM {table}")  # noqa: S608


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE people SET platform_role = 'platform_admin'",
        "UPDATE people SET verified_at = now(), active = true",
        "INSERT INTO people (id, platform_role) VALUES (NULL, 'platform_admin')",
        "UPDATE memberships SET role = 'owner'",
        "UPDATE memberships SET active = true, version = 9, tokens_not_before = NULL",
        "SELECT * FROM invitations",
        "UPDATE tenants SET status = 'active'",
        "INSERT INTO memberships SELECT * FROM memberships",
        "UPDATE sign_in_sessions SET expires_at = 'infinity'",
        "UPDATE refresh_tokens SET expires_at = 'infinity'",
        "UPDATE trusted_clients SET secret_hash = ''",
        "INSERT INTO signing_keys (kid) VALUES ('planted')",
        "SELECT * FROM jobs",
        "DELETE FROM jobs",
        "DELETE FROM sign_in_sessions",
        "TRUNCATE refresh_tokens",
    ],
)
async def test_sign_in_cannot_raise_anybody(
    cluster: Cluster, database_name: str, statement: str
) -> None:
    async with connected(cluster, database_name, "identity_auth") as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("identity_worker", f"CALL public.admit(1, '{SOMEBODY}', 1, 0)"),
        ("identity_app", "CALL public.admit_client()"),
        ("identity_auth", "CALL public.admit_client()"),
        ("identity_auth", f"SELECT public.member_profile('{SOMEBODY}')"),
        ("identity_auth", "SELECT public.find_member('a@example.com')"),
        ("identity_auth", "SELECT public.hold_active_owners()"),
        ("identity_app", f"SELECT public.solely_owned('{SOMEBODY}')"),
        ("identity_worker", "SELECT public.find_member('a@example.com')"),
        ("identity_app", f"SELECT public.find_invitation('{SOMEBODY}')"),
        ("identity_worker", f"SELECT public.invite_owner('{SOMEBODY}', '{SOMEBODY}', 'a@b.cc')"),
        ("identity_auth", f"SELECT public.inviter_reaches('{SOMEBODY}', NULL, 'owner')"),
        ("identity_app", f"SELECT public.accept_invitation('{SOMEBODY}')"),
        ("identity_platform", f"SELECT public.accept_invitation('{SOMEBODY}')"),
    ],
)
async def test_each_function_of_the_definer_is_for_one_role(
    cluster: Cluster, database_name: str, role: str, statement: str
) -> None:
    async with connected(cluster, database_name, role) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sign_in_sessions SET ended_at = NULL, ended_reason = NULL WHERE id = $1",
        "UPDATE refresh_tokens SET spent_at = NULL, answer = NULL WHERE session_id = $1",
    ],
)
async def test_what_has_ended_stays_ended(
    cluster: Cluster, database_name: str, identity: Identity, statement: str
) -> None:
    person, _ = await identity.make_member()
    first = await identity.sign_in(person)
    second = (
        await identity.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    ).json()
    headers = {"Authorization": f"Bearer {second['access_token']}"}
    assert (await identity.client.post("/logout", headers=headers)).status_code == 204
    session = await identity.admin.fetchval(
        "SELECT id FROM sign_in_sessions WHERE person_id = $1", person.id
    )
    async with connected(cluster, database_name, "identity_auth") as connection:
        with pytest.raises(asyncpg.CheckViolationError, match="stays ended"):
            await connection.execute(statement, session)
