"""The application: what it is made of, what must hold before it starts, what it closes."""

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from app.core.access import public
from app.core.jobs import queue
from app.core.process import Process
from app.core.settings import IdentitySettings
from app.modules.clients import service as clients
from app.modules.discovery import router as discovery
from app.modules.invitations import router as invitations
from app.modules.keys import router as keys
from app.modules.memberships import router as memberships
from app.modules.models import DATABASE, metadata
from app.modules.password_resets import router as password_resets
from app.modules.people import router as people
from app.modules.revocations import service as revocations
from app.modules.security_events.service import SecurityEvents
from app.modules.service_accounts import router as service_accounts
from app.modules.sessions import router as sessions
from app.modules.sign_ups import router as sign_ups
from app.modules.tenants import router as tenants
from app.modules.token import router as token
from shared_lib.health import Detail, health_router
from shared_lib.jobs import worker_details
from shared_lib.logging import configure_logging
from shared_lib.settings import SettingsError
from shared_lib.tenancy import (
    PublicPaths,
    ServiceApp,
    check_database,
    check_operations,
    current_tenant_id,
    oauth_paths,
    wait_for_database,
)
from shared_lib.web import install_docs, install_middleware


def create_app(settings: IdentitySettings) -> ServiceApp:
    """Build the application. It connects to nothing until it starts."""
    configure_logging("identity-service", settings.log_level)
    process = Process.of(settings)
    public_paths = PublicPaths()

    @asynccontextmanager
    async def lifespan(app: ServiceApp) -> AsyncIterator[None]:
        async with AsyncExitStack() as closing:
            closing.push_async_callback(process.databases.aclose)
            closing.callback(process.passwords.close)
            closing.push_async_callback(process.limiter.aclose)
            check_operations(app, public_paths)
            app.index_routes()
            await check_database(
                process.databases.all(),
                metadata,
                DATABASE,
                require_patched=settings.require_patched_postgres,
            )
            await _start(process, closing)
            yield

    app = ServiceApp(title="identity-service", version="1.0.0", lifespan=lifespan)
    app.state.runtime = process.databases.runtime(SecurityEvents())
    app.state.process = process
    _include_routers(app, process)
    public_paths.documents = install_docs(app, openapi_url="/openapi.json")
    install_middleware(
        app,
        settings,
        process.verifier,
        public_paths,
        current_tenant_id,
        limiter=process.limiter,
        oauth_paths=oauth_paths(app),
    )
    return app


async def _start(process: Process, closing: AsyncExitStack) -> None:
    """Read or make the signing keys, and make the core's account.

    Raises KeysUndecryptable when a stored key cannot be opened: a new one in its place would sign
    everybody out.
    """
    await wait_for_database(process.keyring.start)
    closing.push_async_callback(process.keyring.aclose)

    async def ensure_core_account() -> None:
        async with process.databases.worker.connection() as own:
            await clients.ensure_core_account(own, process.settings)

    await wait_for_database(ensure_core_account)


def _include_routers(app: FastAPI, process: Process) -> None:
    async def check_keys() -> None:
        process.keyring.signing_key()

    checks = {"database": process.databases.worker.check, "keys": check_keys}
    details: dict[str, Detail] = {
        "jobs": lambda: worker_details(process.databases.worker, queue),
        "revocation": lambda: revocations.bound(process.databases.worker, process.settings),
    }
    for router in (
        token.router,
        sessions.router,
        people.router,
        sign_ups.router,
        password_resets.router,
        service_accounts.router,
        memberships.router,
        invitations.router,
        tenants.router,
        keys.router,
        keys.admin_router,
        discovery.router,
    ):
        app.include_router(router)
    app.include_router(health_router(checks, details=details, dependencies=[public("none")]))


def __getattr__(name: str) -> ServiceApp:
    """`app.main:app`, built from the environment when a server asks for it."""
    if name == "app":
        try:
            settings = IdentitySettings.from_environment()
        except SettingsError as error:
            sys.exit(str(error))  # a traceback would bury the one line that helps
        application = globals()["app"] = create_app(settings)
        # What stands now stays; collections of garbage need not look at it ever again.
        gc.collect()
        gc.freeze()
        return application
    raise AttributeError(name)
