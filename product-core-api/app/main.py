"""The application: what it is made of, what must hold before it starts, what it closes."""

import gc
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import httpx
from fastapi import Depends, FastAPI

from app.core.access import PLATFORM_ROLES, admission
from app.core.anonymous import ANONYMOUS
from app.core.database import databases_of
from app.core.identity import Identity, basic_authorization
from app.core.jobs import queue
from app.core.keys import StoredKeySet
from app.core.models import DATABASE, kept_answers
from app.core.settings import CoreSettings
from app.modules.audit_events import router as audit_events
from app.modules.audit_events.models import events
from app.modules.audit_keys import router as audit_keys
from app.modules.me import router as me
from app.modules.members import router as members
from app.modules.models import metadata
from app.modules.organizations import router as organizations
from app.modules.popups import router as popups
from app.modules.revocations import router as revocations
from app.modules.stats import router as stats
from app.modules.support_sessions import router as support_sessions
from shared_lib.health import health_router
from shared_lib.jobs import worker_details
from shared_lib.jwks import JwksClient
from shared_lib.limits import RateLimiter
from shared_lib.logging import configure_logging
from shared_lib.settings import SettingsError
from shared_lib.tenancy import (
    Access,
    Database,
    Guard,
    PublicPaths,
    Runtime,
    Scope,
    ServiceApp,
    check_database,
    check_operations,
    current_tenant_id,
)
from shared_lib.tokens import CORE_AUDIENCE, TokenVerifier
from shared_lib.web import general_limits, install_docs, install_middleware

API = "/api/v1"


def create_app(settings: CoreSettings) -> ServiceApp:
    """Build the application. It connects to nothing until it starts."""
    configure_logging("product-core-api", settings.log_level)
    databases = databases_of(settings)
    # Our own services: no proxy of the environment gets to see their secrets.
    http = httpx.AsyncClient(trust_env=False)
    keys = JwksClient(settings.jwks_url, http, store=StoredKeySet(databases[Scope.SERVICE]))
    verifier = _verifier(settings, keys)
    limiter = _limiter(settings)
    public_paths = PublicPaths()

    @asynccontextmanager
    async def lifespan(app: ServiceApp) -> AsyncIterator[None]:
        check_operations(app, public_paths)
        app.index_routes()
        patched = settings.require_patched_postgres
        await check_database(databases.values(), metadata, DATABASE, require_patched=patched)
        await keys.start()
        try:
            yield
        finally:
            await _close(keys, http, limiter, databases.values())

    app = ServiceApp(title="product-core-api", version="1.0.0", lifespan=lifespan)
    app.state.runtime = Runtime(databases, admission, events, PLATFORM_ROLES, kept_answers)
    app.state.keys = keys
    app.state.settings = settings
    app.state.identity = _identity(settings, http, verifier)
    _include_routers(app, databases[Scope.SERVICE], keys)
    public_paths.documents = install_docs(app, openapi_url=f"{API}/openapi.json")
    install_middleware(
        app,
        settings,
        verifier,
        public_paths,
        current_tenant_id,
        limiter=limiter,
        anonymous=None if settings.require_auth else ANONYMOUS,
    )
    return app


def _verifier(settings: CoreSettings, keys: JwksClient) -> TokenVerifier:
    verifier = TokenVerifier(issuer=settings.issuer, keys=keys, audience=CORE_AUDIENCE)
    keys.on_removed(verifier.forget_key)
    return verifier


async def _close(
    keys: JwksClient, http: httpx.AsyncClient, limiter: RateLimiter, pools: Iterable[Database]
) -> None:
    await keys.aclose()
    await http.aclose()
    await limiter.aclose()
    for pool in dict.fromkeys(pools):
        await pool.aclose()


def _limiter(settings: CoreSettings) -> RateLimiter:
    return RateLimiter(
        general_limits(settings),
        service="core",
        secret=settings.client_secret.get_secret_value().encode(),
        redis_url=settings.redis_url.get_secret_value(),
    )


def _identity(settings: CoreSettings, http: httpx.AsyncClient, verifier: TokenVerifier) -> Identity:
    return Identity(
        http,
        settings.identity_url,
        authorization=basic_authorization(settings),
        verifier=verifier,
    )


def _include_routers(app: FastAPI, database: Database, keys: JwksClient) -> None:
    async def check_keys() -> None:
        if not keys.ready:
            raise LookupError("no verification key is known")

    # Readiness has the pool that requests of people do not fill: busy is not away.
    public = Depends(Guard(Access(Scope.PUBLIC, transactions="none")))
    checks = {"database": database.check, "keys": check_keys}
    details = {"jobs": lambda: worker_details(database, queue)}
    for router in (
        popups.router,
        me.router,
        organizations.org_router,
        organizations.orgs_router,
        support_sessions.org_router,
        audit_events.org_router,
        support_sessions.support_router,
        organizations.support_router,
        audit_events.support_router,
        organizations.admin_router,
        stats.router,
    ):
        app.include_router(router, prefix=API)
    for router in (
        members.router,
        revocations.router,
        audit_events.internal_router,
        audit_keys.router,
    ):
        app.include_router(router)
    app.include_router(health_router(checks, details=details, dependencies=[public]))


def __getattr__(name: str) -> ServiceApp:
    """`app.main:app`, built from the environment when a server asks for it."""
    if name == "app":
        try:
            settings = CoreSettings.from_environment()
        except SettingsError as error:
            sys.exit(str(error))  # a traceback would bury the one line that helps
        application = globals()["app"] = create_app(settings)
        # What stands now stays; collections of garbage need not look at it ever again.
        gc.collect()
        gc.freeze()
        return application
    raise AttributeError(name)
