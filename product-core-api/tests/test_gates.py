"""Each gate refuses to start for the fault that it is for, and names it."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import APIRouter, Depends, Response

from app.core.access import require_permission, require_platform_permission
from app.core.database import AsyncSession, get_db, get_db_no_rls
from app.core.middleware import RoleChecker, get_current_user
from app.core.settings import CoreSettings
from app.main import create_app
from shared_lib.errors import ApiError
from shared_lib.tenancy import Access, Guard, Scope, UnsafeToStart

pytestmark = pytest.mark.database


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


# T6
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
