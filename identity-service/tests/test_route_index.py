"""The index over the identity service's routes."""

from shared_lib.testing.routing import dispatched_differently, operation_count
from tests.conftest import Identity


async def test_it_finds_what_the_router_finds(identity: Identity) -> None:
    different, served = await dispatched_differently(identity.app)
    assert different == []
    assert served == operation_count(identity.app)


async def test_it_is_in_use(identity: Identity) -> None:
    assert identity.app.find("GET", "/me") is not None
