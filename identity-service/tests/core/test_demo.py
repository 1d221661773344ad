"""The demo accounts: complete, loaded once, and in development only."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import jwt
import pytest

from app.demo import accounts
from shared_lib.demo import organization_id
from shared_lib.testing.postgres import Cluster
from tests.conftest import Identity, client_of, make_settings, running

SERVICE = Path(__file__).parents[2]


async def load(environment: str | None, url: str = "", *arguments: str) -> tuple[int | None, str]:
    """The loader as a process; its exit status and what it wrote to the error stream."""
    variables = {
        **os.environ,
        "MIGRATION_DATABASE_URL": url,
        "MIGRATION_ROLE": "identity_owner",
        **({"ENVIRONMENT": environment} if environment else {}),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "app.demo", *arguments),
        cwd=SERVICE,
        env=variables,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    return process.returncode, errors.decode()


@pytest.mark.parametrize("environment", ["production", "staging", "Development", None])
async def test_it_refuses_any_other_environment(environment: str | None) -> None:
    status, errors = await load(environment)
    assert (status, errors) == (2, "Demo data are for ENVIRONMENT=development only.\n")


async def test_it_tells_databases_that_hold_its_accounts(
    cluster: Cluster, own_database: str
) -> None:
    url = cluster.admin_url(own_database).replace("postgresql:", "postgresql+asyncpg:")
    assert await load("production", url, "--none") == (0, "")
    assert await load("development", url) == (0, "")
    status, errors = await load("production", url, "--none")
    assert (status, errors) == (1, "Demo data are there, and their passwords are public.\n")


async def test_every_account_signs_in_where_it_belongs(cluster: Cluster, own_database: str) -> None:
    url = cluster.admin_url(own_database).replace("postgresql:", "postgresql+asyncpg:")
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    everything = (
        "SELECT (SELECT array_agg(c ORDER BY person_id) FROM credentials c)::text,"
        " (SELECT array_agg(p ORDER BY id) FROM people p)::text,"
        " (SELECT array_agg(m ORDER BY person_id) FROM memberships m)::text"
    )
    assert await load("development", url) == (0, "")
    loaded = await admin.fetchrow(everything)
    assert await load("development", url) == (0, "")
    assert await admin.fetchrow(everything) == loaded
    assert await admin.fetchval(
        "SELECT relforcerowsecurity FROM pg_class WHERE relname = 'memberships'"
    )
    settings = make_settings(cluster, own_database, "http://127.0.0.1:9")
    async with running(settings) as app, client_of(app) as client:
        identity = Identity(app, client, admin, settings)
        for account in accounts():
            response = await identity.token(username=account.email, password=account.password)
            token = response.json()["access_token"]
            claims = jwt.decode(token, options={"verify_signature": False})
            tenant_id = str(organization_id(account.slug)) if account.slug else None
            assert (claims["sub"], claims.get("role")) == (str(account.person_id), account.role)
            assert claims.get("tenant_id") == tenant_id
    await admin.close()
