"""The service does not start with a database that is not as declared, and says what is not."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import MetaData
from structlog.testing import capture_logs

from app.core.models import DATABASE
from app.core.settings import CoreSettings
from app.main import create_app
from shared_lib.errors import DatabaseUnavailable, KeysUnavailable
from shared_lib.tenancy import Database, UnsafeToStart, check_database, wait_for_database
from shared_lib.testing.postgres import Cluster
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import make_settings

pytestmark = pytest.mark.database


_FOR_EVER = 15  # seconds: a gate that has no end is a failure


async def start(settings: CoreSettings) -> None:
    app = create_app(settings)
    async with asyncio.timeout(_FOR_EVER), app.router.lifespan_context(app):
        pass


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
        ("ALTER POLICY popups_app ON popups USING (true)", "policy popups.popups_app is"),
        (
            "ALTER TABLE popups DROP CONSTRAINT pk_popups",
            r"key PRIMARY KEY \(tenant_id, id\) of popups is missing",
        ),
        ("GRANT CREATE ON SCHEMA public TO product_app", "product_app may create tables"),
    ],
)
async def test_a_database_that_is_not_as_declared(
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
        ("LOGIN BYPASSRLS", "has BYPASSRLS"),
        ("LOGIN", "owns"),
    ],
)
async def test_the_role_of_requests(
    own: tuple[CoreSettings, asyncpg.Connection], cluster: Cluster, attributes: str, message: str
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


async def test_a_service_without_a_database() -> None:
    with pytest.raises(UnsafeToStart, match="no database was given"):
        async with asyncio.timeout(_FOR_EVER):
            await check_database([], MetaData(), DATABASE, require_patched=False)


async def waits(url: str) -> int:
    """How often the gate waits for the server at `url` within a second before it gives up."""
    database = Database(url, pool_size=1, pool_timeout=1, application_name="gate")
    async with asyncio.timeout(_FOR_EVER):
        with capture_logs() as logs, pytest.raises((DatabaseUnavailable, UnsafeToStart)):
            await check_database(
                [database], MetaData(), DATABASE, require_patched=False, patience=1
            )
    await database.aclose()
    return sum(entry["event"] == "waiting_for_database" for entry in logs)


async def test_a_server_that_is_away_is_waited_for_and_nothing_else_is(
    cluster: Cluster, database_name: str
) -> None:
    right = cluster.url(database_name, "product_app")
    assert await waits("postgresql+asyncpg://nobody@127.0.0.1:1/nowhere") > 0
    assert await waits(right.replace(cluster.passwords["product_app"], "wrong")) == 0
    assert await waits(right) == 0  # none of its tables is declared here


class Work:
    """Fails in turn with each of `errors`, and then is done."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    async def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def because(error: Exception, *causes: Exception) -> Exception:
    """`error` as it is raised from each of `causes` in turn."""
    for one, cause in pairwise((error, *causes)):
        one.__cause__ = cause
    return error


async def test_what_a_service_does_when_it_starts_is_done_when_the_server_is_back() -> None:
    away = (
        ConnectionRefusedError(),
        DatabaseUnavailable(),
        because(DatabaseUnavailable(), ConnectionRefusedError()),
        because(KeysUnavailable(), TimeoutError()),
        because(KeysUnavailable(), DatabaseUnavailable(), asyncpg.CannotConnectNowError()),
    )
    assert await wait_for_database(Work(*away)) == "done"


@pytest.mark.parametrize(
    "wrong",
    [
        LookupError("no such table"),
        KeysUnavailable(),
        because(KeysUnavailable(), ValueError("no key set")),
        because(KeysUnavailable(), DatabaseUnavailable(), asyncpg.InvalidPasswordError()),
    ],
    ids=repr,
)
async def test_what_is_wrong_for_good_is_told_at_once(wrong: Exception) -> None:
    work = Work(wrong, ConnectionRefusedError())
    with pytest.raises(type(wrong)):
        await wait_for_database(work)
    assert len(work.errors) == 1


async def test_patience_ends() -> None:
    with pytest.raises(ConnectionRefusedError, match="last"):
        await wait_for_database(
            Work(ConnectionRefusedError("first"), ConnectionRefusedError("last")), patience=0.1
        )
