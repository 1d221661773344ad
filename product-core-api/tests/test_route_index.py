"""The index over the core's routes."""

from shared_lib.tenancy import ServiceApp
from shared_lib.testing.routing import dispatched_differently, operation_count


async def test_it_finds_what_the_router_finds(application: ServiceApp) -> None:
    different, served = await dispatched_differently(application)
    assert different == []
    assert served == operation_count(application)


async def test_it_is_in_use(application: ServiceApp) -> None:
    assert application.find("GET", "/api/v1/popups") is not None
