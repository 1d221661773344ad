"""What the roles of the database cannot do with accounts, tried on the tables themselves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from shared_lib.testing.postgres import Cluster
from tests.conftest import Identity
from tests.mailbox import next_mail

REFUSED = {
    # It serves whoever is not known: nothing that it writes may open an account.
    "identity_auth": (
        "INSERT INTO password_resets (id, person_id) VALUES (NULL, NULL)",
        "UPDATE password_resets SET person_id = NULL",
        "UPDATE password_resets SET expires_at = 'infinity', email = ''",
        "DELETE FROM password_resets",
        "UPDATE sign_ups SET email = ''",
        "UPDATE sign_ups SET expires_at = 'infinity'",
        "INSERT INTO sign_ups (id, used_at) VALUES (NULL, NULL)",
        "UPDATE people SET email = ''",
        "UPDATE people SET active = true",
        "DELETE FROM credentials",
        "UPDATE sign_in_sessions SET client_ip = '', user_agent = ''",
    ),
    "identity_platform": (
        "UPDATE people SET platform_role = 'platform_admin'",
        "UPDATE people SET email = '', name = '', verified_at = now()",
        "UPDATE people SET password_changed_at = now()",
        "INSERT INTO people (id) VALUES (NULL)",
        "DELETE FROM people",
        "SELECT password_hash FROM credentials",
        "UPDATE credentials SET password_hash = ''",
        "SELECT client_ip FROM sign_in_sessions",
        "UPDATE sign_in_sessions SET person_id = NULL",
        "INSERT INTO sign_in_sessions (id) VALUES (NULL)",
        "SELECT token_hash FROM refresh_tokens",
        "SELECT id FROM sign_ups",
        "SELECT id FROM password_resets",
        "SELECT role FROM memberships",
        "SELECT id FROM jobs",
    ),
    "identity_worker": (
        "SELECT password_hash FROM credentials",
        "UPDATE people SET active = true",
        "UPDATE people SET platform_role = 'platform_admin'",
        "SELECT client_ip, user_agent FROM sign_in_sessions",
        "SELECT answer FROM refresh_tokens",
        "UPDATE refresh_tokens SET spent_at = NULL",
        "INSERT INTO sign_ups (id) VALUES (NULL)",
        "UPDATE sign_ups SET used_at = NULL",
        "UPDATE password_resets SET used_at = NULL, expires_at = 'infinity'",
    ),
    "identity_app": (
        "SELECT id FROM sign_ups",
        "SELECT id FROM password_resets",
        "SELECT id FROM people",
    ),
}


@asynccontextmanager
async def connected(
    cluster: Cluster, database: str, role: str
) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(cluster.url(database, role).replace("+asyncpg", ""))
    try:
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("role", "statement"), [(role, each) for role, listed in REFUSED.items() for each in listed]
)
async def test_a_role_does_no_more_than_it_must(
    cluster: Cluster, database_name: str, role: str, statement: str
) -> None:
    async with connected(cluster, database_name, role) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


@pytest.mark.parametrize(
    ("table", "path"), [("sign_ups", "/sign-up"), ("password_resets", "/password-reset")]
)
async def test_a_link_that_was_used_stays_used(
    cluster: Cluster, database_name: str, identity: Identity, table: str, path: str
) -> None:
    person = await identity.make_person()
    assert (await identity.client.post(path, json={"email": person.email})).status_code == 202
    await next_mail(identity, person.email)
    async with connected(cluster, database_name, "identity_auth") as connection:
        use = f"UPDATE {table} SET used_at = $2 WHERE email = $1"  # noqa: S608
        now = await connection.fetchval("SELECT now()")
        email = person.email.replace("Example.com", "example.com")
        assert await connection.execute(use, email, now) == "UPDATE 1"
        with pytest.raises(asyncpg.CheckViolationError, match="stays ended"):
            await connection.execute(use, email, None)
