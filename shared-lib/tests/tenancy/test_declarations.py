"""Declarations of access: what they make of an operation, and what contradicts itself."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.responses import PlainTextResponse

from shared_lib.tenancy import (
    ANY_MODE,
    READ_MODES,
    WRITE_MODES,
    Access,
    Guard,
    PublicPaths,
    Scope,
    ServiceApp,
    UnsafeToStart,
    check_operations,
    door,
    idempotent,
    not_idempotent,
)
from shared_lib.tenancy._openapi import operations
from shared_lib.tenancy._operation import Operation

STAFF = frozenset({"platform_admin"})


@door(Scope.ORGANIZATION)
async def rows_of_one() -> AsyncIterator[None]:
    yield


@door(Scope.PLATFORM)
async def rows_of_all() -> AsyncIterator[None]:
    yield


def guard(scope: Scope, **declared: Any) -> Any:
    return Depends(Guard(Access(scope, **declared)))


PUBLIC, USER, ORGANIZATION, SERVICE = map(
    guard, (Scope.PUBLIC, Scope.USER, Scope.ORGANIZATION, Scope.SERVICE)
)
PLATFORM = guard(Scope.PLATFORM, roles=STAFF)


async def somebody(_: Any = USER) -> None:
    """A dependency that asks for a guard."""


ONE, ALL = Depends(rows_of_one), Depends(rows_of_all)


def serving(dependencies: list[Any], method: str = "POST", **options: Any) -> ServiceApp:
    """An application with one operation."""
    router = APIRouter(tags=["things"])

    async def make_thing() -> None: ...

    router.add_api_route(
        "/things", make_thing, methods=[method], dependencies=dependencies, **options
    )
    app = ServiceApp(title="sample")
    app.include_router(router)
    return app


def operation(dependencies: list[Any], method: str = "POST") -> Operation:
    return next(found for _, found in operations(serving(dependencies, method)))


CONTRADICTIONS: dict[str, tuple[list[Any], str]] = {
    "nothing": ([], "declares no access"),
    "a session and nothing else": ([ONE], "declares no access"),
    "two kinds of transactions": (
        [guard(Scope.USER, transactions="own"), guard(Scope.USER, transactions="none")],
        "declares transactions in two ways",
    ),
    "a session beside transactions of one's own": (
        [guard(Scope.ORGANIZATION, transactions="own"), ONE],
        "asks for the one transaction that it does not have",
    ),
    "two organizations": (
        [
            guard(Scope.PLATFORM, roles=STAFF, tenant_parameter="id"),
            guard(Scope.PLATFORM, roles=STAFF, tenant_parameter="tenant_id"),
        ],
        "declares tenant_parameter in two ways",
    ),
    "public and signed in": ([PUBLIC, USER], "is public and something else at once"),
    "a service and a person": ([SERVICE, USER], "is service and something else at once"),
    "the platform for anyone": ([guard(Scope.PLATFORM)], "does not fit"),
    "everybody's rows for a member": ([ORGANIZATION, ALL], "does not fit"),
    "everybody's rows for anyone": ([USER, ALL], "does not fit"),
    "one organization's rows for staff": ([PLATFORM, ONE], "does not fit"),
    "one organization's rows for everybody": ([PUBLIC, ONE], "does not fit"),
    "an answer kept for nobody": ([PUBLIC, idempotent()], "knows nobody whose answer"),
    "an answer kept without a transaction": (
        [guard(Scope.USER, transactions="none"), idempotent(keeps="id")],
        "has no transaction that its answer could be kept in",
    ),
    "a whole answer kept by transactions of one's own": (
        [guard(Scope.USER, transactions="own"), idempotent()],
        "has no transaction that its answer could be kept in",
    ),
    "kept and not kept": (
        [USER, idempotent(), not_idempotent("because")],
        "declares idempotency in two ways",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_keeps_the_service_from_starting(name: str) -> None:
    dependencies, fault = CONTRADICTIONS[name]
    with pytest.raises(UnsafeToStart, match=fault):
        check_operations(serving(dependencies), PublicPaths())


@pytest.mark.parametrize(
    ("dependencies", "scope"),
    [
        ([PUBLIC], Scope.PUBLIC),
        ([USER], Scope.USER),
        ([USER, idempotent()], Scope.USER),
        ([Depends(somebody)], Scope.USER),
        ([USER, ONE], Scope.ORGANIZATION),
        ([ORGANIZATION, ONE], Scope.ORGANIZATION),
        ([USER, ORGANIZATION], Scope.ORGANIZATION),
        ([PLATFORM, ALL], Scope.PLATFORM),
        ([USER, PLATFORM], Scope.PLATFORM),
        ([SERVICE], Scope.SERVICE),
        ([guard(Scope.USER, transactions="own"), idempotent(keeps="id")], Scope.USER),
        ([PUBLIC, not_idempotent("nobody is known")], Scope.PUBLIC),
    ],
)
def test_the_scope_is_the_widest_that_is_declared(dependencies: list[Any], scope: Scope) -> None:
    check_operations(serving(dependencies), PublicPaths())
    assert operation(dependencies).scope is scope


def test_what_is_not_declared_follows_the_method() -> None:
    reads, writes = operation([USER], "GET"), operation([USER])
    assert (reads.writes, reads.modes) == (False, READ_MODES)
    assert (writes.writes, writes.modes) == (True, WRITE_MODES)
    told = operation([guard(Scope.USER, writes=False), guard(Scope.USER, modes=ANY_MODE)])
    assert (told.writes, told.modes) == (False, READ_MODES)
    both = operation([guard(Scope.USER, writes=False), guard(Scope.USER, writes=True)], "GET")
    assert (both.writes, both.modes) == (True, WRITE_MODES)


def test_one_declaration_is_enough_to_be_audited_or_of_oauth() -> None:
    assert not operation([USER]).audited
    assert not operation([USER]).oauth
    assert operation([USER, guard(Scope.USER, audited=True)]).audited
    assert operation([USER, guard(Scope.USER, oauth=True)]).oauth


def test_an_operation_is_called_by_its_permission_or_its_tag() -> None:
    named = operation([guard(Scope.USER, permission="popups:write"), USER])
    assert (named.action, named.permissions) == ("popups.make", ["popups:write"])
    assert operation([USER]).action == "things.make"


def test_a_hidden_route_keeps_the_service_from_starting() -> None:
    with pytest.raises(UnsafeToStart, match="is hidden from the OpenAPI document"):
        check_operations(serving([USER], include_in_schema=False), PublicPaths())


def test_a_route_that_fastapi_does_not_know_keeps_the_service_from_starting() -> None:
    app = serving([USER])
    app.add_route("/bare", lambda _: PlainTextResponse(""), methods=["GET"])
    app.add_route("/docs/", lambda _: PlainTextResponse(""), methods=["GET"])
    app.add_route("/guide", lambda _: PlainTextResponse(""), methods=["GET"])
    with pytest.raises(UnsafeToStart) as refused:
        check_operations(app, PublicPaths(["/docs/", "/guide"]))
    assert str(refused.value).splitlines()[1:] == ["- /bare is a route that cannot declare access"]


def test_a_route_behind_the_applications_back_keeps_the_service_from_starting() -> None:
    async def late() -> None: ...

    app = serving([USER])
    app.router.routes.append(APIRoute("/late", late, dependencies=[USER]))
    with pytest.raises(UnsafeToStart, match="GET /late was added behind the application's back"):
        check_operations(app, PublicPaths())


def asked(paths: PublicPaths, method: str, path: str) -> bool:
    return paths({"type": "http", "method": method, "path": path})


@pytest.fixture
def paths() -> PublicPaths:
    router = APIRouter()

    async def read_page() -> None: ...
    async def read_thing() -> None: ...
    async def make_thing() -> None: ...

    router.add_api_route("/pages/{name}", read_page, methods=["GET"], dependencies=[PUBLIC])
    router.add_api_route("/things", read_thing, methods=["GET"], dependencies=[PUBLIC])
    router.add_api_route("/things", make_thing, methods=["POST"], dependencies=[USER])
    app = ServiceApp(title="sample")
    app.include_router(router)
    found = PublicPaths(["/docs", "/assets/"])
    check_operations(app, found)
    return found


@pytest.mark.parametrize(
    ("method", "path", "public"),
    [
        ("GET", "/pages/a", True),
        ("DELETE", "/pages/a", True),  # 405 for everybody
        ("GET", "/things", True),
        ("POST", "/things", False),
        ("GET", "/pages", False),
        ("GET", "/pages/a/b", False),
        ("GET", "/things\n", False),
        ("GET", "/nothing", False),
        ("GET", "/docs", True),
        ("GET", "/docs/more", False),
        ("GET", "/assets/a.js", True),
        ("GET", "/assets", False),
    ],
)
def test_which_paths_need_no_token(
    paths: PublicPaths, method: str, path: str, *, public: bool
) -> None:
    assert asked(paths, method, path) is public


def test_a_path_with_more_than_a_guarded_one_is_not_its() -> None:
    router = APIRouter()

    async def read_all() -> None: ...
    async def make_one() -> None: ...

    router.add_api_route("/{path:path}", read_all, methods=["GET"], dependencies=[PUBLIC])
    router.add_api_route("/things", make_one, methods=["GET"], dependencies=[USER])
    app = ServiceApp(title="sample")
    app.include_router(router)
    found = PublicPaths()
    check_operations(app, found)
    assert not asked(found, "GET", "/things")
    assert asked(found, "GET", "/things/more")
