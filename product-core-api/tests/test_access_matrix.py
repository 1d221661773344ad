"""The access matrix and the core: what is declared, what is answered, and that a fault is seen."""

from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
from fastapi import APIRouter, Depends, FastAPI

from app.core.access import require_permission
from app.core.settings import CoreSettings
from app.main import create_app
from app.reference import describable_app
from shared_lib.prove._matrix import MATRIX
from shared_lib.prove._matrix_declared import declared_faults
from shared_lib.prove._principals import Cast
from shared_lib.prove._routes import check_operation, read_operations
from shared_lib.prove._routes_answers import check_table
from shared_lib.prove._routes_document import Operation
from shared_lib.tenancy import Access, Guard, Scope, TenantTransaction
from shared_lib.testing.tokens import TokenIssuer
from tests.cast import make_cast
from tests.conftest import MakeOrganization, open_client
from tests.documented import operations

pytestmark = pytest.mark.database

CORE = "product-core-api"
loosened = APIRouter(prefix="/loosened", tags=["loosened"])


@loosened.get("/unguarded", dependencies=[Depends(Guard(Access(Scope.USER)))])
async def unguarded() -> None:
    """What `list_popups` would be with any signed-in caller let in."""


@loosened.post("/late", dependencies=[require_permission("popups", "write")])
async def late(_: TenantTransaction) -> None:
    """What `update_org` would be with the permission of another resource."""


@pytest.fixture(scope="module")
async def cast(
    admin: asyncpg.Connection, issuer: TokenIssuer, make_tenant: MakeOrganization
) -> Cast:
    return await make_cast(admin, issuer, make_tenant)


@pytest.fixture(scope="module")
async def found(application: FastAPI) -> AsyncIterator[dict[str, Operation]]:
    async with open_client(application) as client:
        yield await read_operations(CORE, client)


@pytest.fixture(scope="module")
async def loose(settings: CoreSettings) -> AsyncIterator[dict[str, Operation]]:
    app = create_app(settings)
    app.include_router(loosened)
    async with app.router.lifespan_context(app), open_client(app) as client:
        yield await read_operations(CORE, client)


def test_what_is_declared_is_what_the_matrix_says() -> None:
    declared = operations(describable_app())
    assert set(declared) == set(MATRIX[CORE])
    for name, (_, _, described) in declared.items():
        assert list(declared_faults(CORE, name, described["x-access"])) == []


async def test_what_is_answered_is_what_the_matrix_says(
    found: dict[str, Operation], cast: Cast
) -> None:
    checks = await check_table(found, cast)
    assert {check.name: check.faults for check in checks if check.faults} == {}
    assert [check.name for check in checks] == list(found)


async def test_a_line_that_says_something_else_is_a_fault(
    found: dict[str, Operation], cast: Cast
) -> None:
    row = MATRIX[CORE]["delete_popup"]
    changed = replace(row, active="+++x" + row.active[4:], read_only="+" + row.read_only[1:])
    assert (await check_operation(found["delete_popup"], cast, changed)).faults == (
        "owner (read_only): expected let through, got read_only",
    )


async def test_an_operation_without_a_line_and_a_line_without_an_operation_are_faults(
    loose: dict[str, Operation], cast: Cast
) -> None:
    del loose["get_stats"]
    public = replace(cast, tokens={}, hostile={})
    faults = {check.name: check.faults for check in await check_table(loose, public)}
    assert {name: each for name, each in faults.items() if each} == {
        "unguarded": ("it is an operation of the service and has no line in the matrix",),
        "late": ("it is an operation of the service and has no line in the matrix",),
        "get_stats": ("it has a line in the matrix and is no operation of the service",),
    }


async def test_a_guard_that_is_gone_is_a_fault(loose: dict[str, Operation], cast: Cast) -> None:
    check = await check_operation(loose["unguarded"], cast, MATRIX[CORE]["list_popups"])
    assert check.section == "routes: product-core-api"
    assert check.faults[:3] == (
        "owner (blocked): expected tenant_blocked, got let through (200)",
        "admin (blocked): expected tenant_blocked, got let through (200)",
        "standard (blocked): expected tenant_blocked, got let through (200)",
    )
    assert "client (active): expected missing_permission, got let through (200)" in check.faults
    assert "platform_admin: expected tenant_required, got let through (200)" in check.faults


async def test_another_permission_is_a_fault(loose: dict[str, Operation], cast: Cast) -> None:
    check = await check_operation(loose["late"], cast, MATRIX[CORE]["update_org"])
    assert "standard (active): expected missing_permission, got let through (200)" in check.faults
    assert "owner (active)" not in "".join(check.faults)
