"""The gates: each tried once with the fault that it is for."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.core.access import public
from app.core.settings import IdentitySettings
from app.main import create_app
from app.modules.clients import repository
from shared_lib.errors import DatabaseUnavailable, KeysUnavailable
from shared_lib.keys import Keyring, SigningKeyStore
from shared_lib.tenancy import UnsafeToStart
from shared_lib.testing.postgres import Cluster
from tests.conftest import make_settings, running, working


@pytest.fixture
def settings(cluster: Cluster, own_database: str) -> IdentitySettings:
    return make_settings(cluster, own_database, "http://127.0.0.1:9")


@pytest.fixture
async def admin(cluster: Cluster, own_database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(cluster.admin_url(own_database))
    yield connection
    await connection.close()


async def refuse_with(settings: IdentitySettings, router: APIRouter, fault: str) -> None:
    app = create_app(settings)
    app.include_router(router)
    with pytest.raises(UnsafeToStart, match=fault):
        async with app.router.lifespan_context(app):
            pass


async def test_an_operation_without_access(settings: IdentitySettings) -> None:
    router = APIRouter()

    @router.get("/leak")
    async def leak() -> None: ...

    await refuse_with(settings, router, "leak declares no access")


async def test_a_hidden_route(settings: IdentitySettings) -> None:
    router = APIRouter()

    @router.get("/hidden", include_in_schema=False, dependencies=[public("none")])
    async def hidden() -> None: ...

    await refuse_with(settings, router, "/hidden is hidden")


async def test_a_route_behind_the_applications_back(settings: IdentitySettings) -> None:
    async def back_door() -> None: ...

    app = create_app(settings)
    app.router.routes.append(APIRoute("/back", back_door, dependencies=[public("none")]))
    with pytest.raises(UnsafeToStart, match="behind the application's back"):
        async with app.router.lifespan_context(app):
            pass


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("CREATE TABLE notes (id int)", "table notes is not declared"),
        ("DROP TABLE schedules", "table schedules is missing"),
        ("ALTER TABLE memberships NO FORCE ROW LEVEL SECURITY", "not forced"),
        ("ALTER TABLE memberships DISABLE ROW LEVEL SECURITY", "not enabled"),
        (
            "CREATE POLICY everybody ON memberships TO identity_auth USING (true)",
            "memberships.everybody is not declared",
        ),
        (
            "DROP POLICY memberships_auth ON memberships",
            "memberships_auth is missing",
        ),
        (
            "ALTER POLICY memberships_app ON memberships USING (true)",
            "policy memberships.memberships_app is",
        ),
        (
            "GRANT SELECT ON credentials TO identity_app",
            "credentials to identity_app: SELECT is not declared",
        ),
        (
            "GRANT UPDATE (role) ON memberships TO identity_auth",
            r"memberships to identity_auth: UPDATE \(role\) is not declared",
        ),
        ("ALTER TABLE tenants OWNER TO identity_app", "role identity_app owns"),
    ],
)
async def test_a_database_that_is_not_as_declared(
    settings: IdentitySettings, admin: asyncpg.Connection, change: str, fault: str
) -> None:
    await admin.execute(change)
    with pytest.raises(UnsafeToStart, match=fault):
        async with running(settings):
            pass


async def test_a_role_that_row_level_security_does_not_bind(
    settings: IdentitySettings, cluster: Cluster, own_database: str
) -> None:
    """A role of its own: those of the run belong to every test."""
    admin_url = cluster.admin_url(own_database).replace("postgresql:", "postgresql+asyncpg:")
    changed = settings.model_copy(update={"app_database_url": SecretStr(admin_url)})
    with pytest.raises(UnsafeToStart, match="is a superuser"):
        async with running(changed):
            pass


STEPS = (
    (running, SigningKeyStore, "ensure"),
    (running, Keyring, "_load"),
    (running, repository, "put_client"),
    (working, SigningKeyStore, "ensure"),
    (working, Keyring, "_load"),
)


@pytest.mark.parametrize(("serve", "owner", "step"), STEPS)
async def test_a_server_that_goes_away_at_any_step_is_waited_for(
    settings: IdentitySettings,
    monkeypatch: pytest.MonkeyPatch,
    serve: Callable[[IdentitySettings], AbstractAsyncContextManager[Any]],
    owner: object,
    step: str,
) -> None:
    real, tried = getattr(owner, step), 0

    async def cut_first(*arguments: Any, **options: Any) -> Any:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise DatabaseUnavailable from ConnectionResetError()
        return await real(*arguments, **options)

    monkeypatch.setattr(owner, step, cut_first)
    async with serve(settings):
        pass
    assert tried > 1


async def test_keys_that_nobody_can_read_are_not_waited_for(
    settings: IdentitySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: Keyring) -> None:
        raise ValueError("no key set")

    monkeypatch.setattr(Keyring, "_load", refuse)
    with pytest.raises(KeysUnavailable), capture_logs() as logs:
        async with running(settings):
            pass
    assert "waiting_for_database" not in {entry["event"] for entry in logs}
