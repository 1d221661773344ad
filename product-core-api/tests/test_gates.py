"""Each gate refuses to start for the fault that it is for, and names it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from fastapi import APIRouter, Depends, Response
from pydantic import SecretStr

from app.core.access import require_permission, require_platform_permission
from app.core.database import AsyncSession, get_db, get_db_no_rls
from app.core.middleware import RoleChecker, get_current_user
from app.core.settings import CoreSettings
from app.main import create_app
from shared_lib.errors import ApiError
from shared_lib.tenancy import Access, Guard, Scope, UnsafeToStart
from shared_lib.testing.postgres import Cluster
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import make_settings

pytestmark = pytest.mark.database
OTHER_TRIGGER = """
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
DROP TRIGGER popups_history ON popups;
CREATE TRIGGER popups_history AFTER INSERT ON popups FOR EACH ROW EXECUTE FUNCTION nothing()
"""


async def start(settings: CoreSettings, router: APIRouter | None = None) -> None:
    app = create_app(settings)
    if router is not None:
        app.include_router(router)
    async with app.router.lifespan_context(app):
        pass


async def handler() -> None:
    """Does nothing."""


async def with_session(db: AsyncSession = Depends(get_db)) -> None:
    """Asks for a session and declares nothing."""


async def platform_session_for_anyone(
    db: AsyncSession = Depends(get_db_no_rls), user: Any = Depends(get_current_user)
) -> None:
    """Reaches all organizations with any token."""


async def platform_session_for_owners(
    db: AsyncSession = Depends(get_db_no_rls), user: Any = Depends(RoleChecker(["owner"]))
) -> None:
    """Reaches all organizations as owner of one."""


async def both_sessions(
    db: AsyncSession = Depends(get_db), user: Any = Depends(RoleChecker(["platform_admin"]))
) -> None:
    """Staff who ask for an organization's rows."""


@pytest.mark.parametrize(
    ("endpoint", "options", "fault"),
    [
        (handler, {}, "handler declares no access"),
        (with_session, {}, "with_session declares no access"),
        (platform_session_for_anyone, {}, "does not fit"),
        (platform_session_for_owners, {}, "does not fit"),
        (both_sessions, {}, "does not fit"),
        (
            handler,
            {"dependencies": [Depends(Guard(Access(Scope.PLATFORM)))]},
            "does not fit",
        ),
        (
            handler,
            {"dependencies": [Depends(Guard(Access(Scope.PUBLIC))), Depends(get_current_user)]},
            "something else at once",
        ),
        (
            handler,
            {
                "include_in_schema": False,
                "dependencies": [require_permission("popups", "read")],
            },
            "is hidden from the OpenAPI document",
        ),
    ],
)
async def test_operations(
    settings: CoreSettings, endpoint: Callable[..., Any], options: dict[str, Any], fault: str
) -> None:
    router = APIRouter()
    router.add_api_route("/faulty", endpoint, methods=["GET"], **options)
    with pytest.raises(UnsafeToStart, match=fault):
        await start(settings, router)


async def test_routes_that_fastapi_does_not_know(settings: CoreSettings) -> None:
    app = create_app(settings)
    app.add_route("/bare", lambda _: Response(), methods=["GET"])
    with pytest.raises(UnsafeToStart, match="/bare is a route that cannot declare access"):
        async with app.router.lifespan_context(app):
            pass


async def test_a_route_added_behind_the_back_of_the_application(settings: CoreSettings) -> None:
    router = APIRouter()
    app = create_app(settings)
    app.include_router(router)
    router.route_class = type(APIRouter().route_class.__name__, (APIRouter().route_class,), {})
    router.add_api_route("/late", handler, dependencies=[require_permission("popups", "read")])
    with pytest.raises(UnsafeToStart, match="behind the application's back"):
        async with app.router.lifespan_context(app):
            pass


@pytest.mark.parametrize(
    ("roles", "fault"),
    [
        ([], "no such role"),
        (["owner", "boss"], "no such role: .*boss"),
        (["owner", "platform_admin"], "cannot be mixed"),
    ],
)
def test_roles_that_no_operation_can_have(roles: list[str], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        RoleChecker(roles)
    RoleChecker(["owner", "viewer"])
    RoleChecker(["platform_admin", "support_agent"])


def test_a_permission_that_nobody_has() -> None:
    with pytest.raises(ValueError, match="no role has popups:fly"):
        require_permission("popups", "fly")
    with pytest.raises(ValueError, match="no role has popups:write"):
        require_platform_permission("popups", "write")


def test_error_codes_are_unique() -> None:
    with pytest.raises(TypeError, match="popup_not_found"):
        type("Twice", (ApiError,), {"code": "popup_not_found", "status": 404, "title": "Again"})


@pytest.fixture
async def own(
    cluster: Cluster, issuer: TokenIssuer
) -> AsyncIterator[tuple[CoreSettings, asyncpg.Connection]]:
    """Settings for a database of one's own, and its administrator."""
    async with cluster.clone() as name:
        admin = await asyncpg.connect(cluster.admin_url(name))
        yield make_settings(cluster, name, issuer.issuer), admin
        await admin.close()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("CREATE TABLE stray (id int)", "table stray is not declared"),
        ("CREATE VIEW peek AS SELECT * FROM popups", "table peek is not declared"),
        ("DROP TABLE audit_events", "table audit_events is missing"),
        (
            "ALTER TABLE popups NO FORCE ROW LEVEL SECURITY",
            "table popups: row level security is not forced",
        ),
        (
            "ALTER TABLE popups DISABLE ROW LEVEL SECURITY",
            "table popups: row level security is not enabled",
        ),
        ("DROP POLICY popups_app ON popups", "policy popups.popups_app is missing"),
        (
            "CREATE POLICY open ON popups TO product_app USING (true)",
            "policy popups.open is not declared",
        ),
        ("ALTER POLICY popups_app ON popups USING (true)", "policy popups.popups_app is"),
        (
            "ALTER POLICY popups_app ON popups WITH CHECK (true)",
            "policy popups.popups_app is",
        ),
        (
            "GRANT UPDATE (status) ON organizations TO product_app",
            r"grant organizations to product_app: UPDATE \(status\) is not declared",
        ),
        ("GRANT TRUNCATE ON popups TO product_app", "TRUNCATE is not declared"),
        ("GRANT SELECT ON popups TO PUBLIC", "is not declared"),
        ("REVOKE INSERT ON popups FROM product_app", "INSERT is missing"),
        ("DROP TRIGGER popups_history ON popups", "popups_history is missing"),
        (
            "ALTER TABLE popups DROP CONSTRAINT pk_popups",
            r"key PRIMARY KEY \(tenant_id, id\) of popups is missing",
        ),
        (
            "ALTER TABLE popups DROP CONSTRAINT uq_popups_tenant_id_slug",
            r"key UNIQUE \(tenant_id, slug\) of popups is missing",
        ),
        (
            "ALTER TABLE popups DROP CONSTRAINT fk_popups_tenant_id",
            r"key FOREIGN KEY \(tenant_id\) of popups REFERENCES organizations \(tenant_id\) is",
        ),
        ("CREATE UNIQUE INDEX one ON popups (tenant_id, name)", "one .* is not declared"),
        (
            OTHER_TRIGGER,
            "trigger popups_history is",
        ),
        (
            "CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
            "function peek runs with the rights of",
        ),
        ("GRANT CREATE ON SCHEMA public TO product_app", "product_app may create tables"),
    ],
)
async def test_the_catalogue(
    own: tuple[CoreSettings, asyncpg.Connection], fault: str, message: str
) -> None:
    settings, admin = own
    await start(settings)
    await admin.execute(fault)
    with pytest.raises(UnsafeToStart, match=message):
        await start(settings)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ("LOGIN SUPERUSER", "is a superuser"),
        ("LOGIN BYPASSRLS", "has BYPASSRLS"),
        ("LOGIN CREATEROLE", "has CREATEROLE"),
        ("LOGIN IN ROLE product_platform", "is a member of"),
        ("LOGIN", "owns"),
    ],
)
async def test_the_role_of_requests(
    own: tuple[CoreSettings, asyncpg.Connection],
    cluster: Cluster,
    attributes: str,
    message: str,
) -> None:
    settings, admin = own
    role = f"unfit_{admin.get_server_pid()}"
    database = await admin.fetchval("SELECT current_database()")
    await admin.execute(f"CREATE ROLE {role} {attributes} PASSWORD 'unfit'")
    await admin.execute(f"GRANT CONNECT ON DATABASE {database} TO {role}")
    if message == "owns":
        await admin.execute(f"CREATE TABLE stray (id int); ALTER TABLE stray OWNER TO {role}")
    url = cluster.url(database, "product_app").replace("product_app", role)
    password = cluster.passwords["product_app"]
    unfit = SecretStr(url.replace(password, "unfit"))
    try:
        with pytest.raises(UnsafeToStart, match=f"role {role} {message}"):
            await start(settings.model_copy(update={"app_database_url": unfit}))
    finally:
        await admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_an_old_minor_version_is_refused_when_asked_to(
    own: tuple[CoreSettings, asyncpg.Connection],
) -> None:
    settings, admin = own
    major, minor = divmod(int(await admin.fetchval("SHOW server_version_num")), 10000)
    strict = settings.model_copy(update={"require_patched_postgres": True})
    if minor >= {15: 20, 16: 16, 17: 12, 18: 7}.get(major, 0):
        await start(strict)
        return
    with pytest.raises(UnsafeToStart, match="CVE-2026-120154"):
        await start(strict)
