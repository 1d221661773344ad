"""The core's own application with neither token nor row level security.

Routes, handlers, SQL, transaction, logs, limits, error handling and the other middleware are the
core's. Who calls is believed to be who the header `x-tenant` says, and is counted and logged as
that; the transaction opens with a bare BEGIN on a connection that no policy binds.
"""

import os
from dataclasses import replace
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from app.core.settings import CoreSettings
from app.main import create_app
from shared_lib.tenancy import Database, Unit
from shared_lib.tokens import CORE_AUDIENCE, TokenData
from shared_lib.web import BearerMiddleware

URL = "BENCH_UNPROTECTED_URL"


class Believing:
    """Stands where the bearer's middleware does, and looks at no token."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.callers: dict[bytes, TokenData] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http":
            sent = [value for name, value in scope["headers"] if name == b"x-tenant"]
            caller = scope["state"]["token"] = self._caller(sent[0]) if sent else None
            if caller is not None:
                bind_contextvars(person=str(caller.sub), tenant_id=str(caller.tenant_id))
        await self.app(scope, receive, send)

    def _caller(self, tenant: bytes) -> TokenData:
        caller = self.callers.get(tenant)
        if caller is None:
            caller = self.callers[tenant] = _member_of(UUID(tenant.decode("ascii")))
        return caller


def _member_of(tenant_id: UUID) -> TokenData:
    return TokenData(
        sub=tenant_id,
        client_id="bench",
        jti="bench",
        iat=0,
        exp=0,
        kid="",
        audience=(CORE_AUDIENCE,),
        sid=tenant_id,
        auth_time=0,
        amr=(),
        tenant_id=tenant_id,
        role="standard",
        act=None,
        support=None,
    )


def _bare(unit: Unit[Any]) -> str:
    return "BEGIN" if unit.operation.writes else "BEGIN READ ONLY"


def unprotected(settings: CoreSettings, url: str) -> FastAPI:
    """The application over the database of `url`, whose role no policy may bind."""
    app: FastAPI = create_app(settings)
    layers: list[Any] = app.user_middleware
    app.user_middleware = [
        Middleware(Believing) if each.cls is BearerMiddleware else each for each in layers
    ]
    database = Database(
        url,
        pool_size=settings.database_pool_size,
        pool_timeout=settings.database_pool_timeout,
        application_name="bench-unprotected",
    )
    runtime = app.state.runtime
    app.state.runtime = replace(
        runtime,
        databases=dict.fromkeys(runtime.databases, database),
        admission=lambda _operation, _token: "",
        events=None,
    )
    # The settings of a transaction serve policies, history and admission.
    setattr(Unit, "opening_batch", _bare)  # noqa: B010 - it is no method of ours to mypy
    return app


def make() -> FastAPI:
    """What the server is told to serve."""
    return unprotected(CoreSettings.from_environment(), os.environ[URL])
