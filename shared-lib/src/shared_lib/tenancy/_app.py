"""The FastAPI application class of both services: every route is an operation."""

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from typing_extensions import override

from shared_lib.tenancy._index import Found, IndexMiddleware, RouteIndex
from shared_lib.tenancy._openapi import describe
from shared_lib.tenancy._route import OperationRoute


class ServiceApp(FastAPI):
    """A FastAPI whose routes, whoever wrote them, are admitted like our own.

    A plain `APIRouter()` may be included as anywhere else: its routes become OperationRoutes.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
            redirect_slashes=False,
            # Reads the environment three times per request even when nothing is exported.
            telemetry={"tracing": False, "metrics": False, "logs": False},
            generate_unique_id_function=lambda route: route.name,
            **options,
        )
        self.router.route_class = OperationRoute
        self._index: RouteIndex | None = None
        # Middleware that is added lies outside of what is there.
        self.user_middleware.append(Middleware(IndexMiddleware, find=self.find))

    def index_routes(self) -> None:
        """Find operations by an index from now on, when every route is there.

        Raises UndeclaredAccess.
        """
        self._index = RouteIndex(self)

    def find(self, method: str, path: str) -> Found:
        """What the index finds; None before there is one."""
        return self._index.find(method, path) if self._index else None

    @override
    def include_router(self, router: APIRouter, **options: Any) -> None:
        _adopt(router)
        super().include_router(router, **options)

    @override
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = describe(self)
        return self.openapi_schema


def _adopt(router: APIRouter) -> None:
    """Make the routes of `router`, and of routers that it includes, OperationRoutes.

    Only the class changes: FastAPI builds a route's handler anew for each inclusion.
    """
    if router.route_class is APIRoute:  # another one is somebody's intent, and the gate's affair
        router.route_class = OperationRoute
    for route in router.routes:
        if type(route) is APIRoute:
            route.__class__ = OperationRoute
        nested = getattr(route, "original_router", None)
        if isinstance(nested, APIRouter):
            _adopt(nested)
