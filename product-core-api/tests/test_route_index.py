"""The index over the core's routes."""

from fastapi import FastAPI

from shared_lib.tenancy import RouteIndex
from shared_lib.testing.routing import dispatched_differently, operation_count


async def test_it_finds_what_the_router_finds(application: FastAPI) -> None:
    different, served = await dispatched_differently(application)
    assert different == []
    assert served == operation_count(application)


async def test_it_is_in_use(application: FastAPI) -> None:
    assert isinstance(application.router.middleware_stack, RouteIndex)
