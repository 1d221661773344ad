"""What a stranger asks costs the same whether the address is somebody's: counted on the wire."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from pydantic import SecretStr

from app.core.settings import IdentitySettings
from shared_lib.ids import uuid7
from shared_lib.testing.wire import Wire, counted
from tests.conftest import Identity, client_of, running


@dataclass
class Counted:
    client: httpx.AsyncClient
    wire: Wire

    async def ask(self, path: str, email: str) -> int:
        """Round trips to the database for one request."""
        self.wire.round_trips = 0
        response = await self.client.post(path, json={"email": email})
        assert response.status_code == 202, response.text
        return self.wire.round_trips


@pytest.fixture(scope="module")
async def service(settings: IdentitySettings) -> AsyncIterator[Counted]:
    url = settings.auth_database_url.get_secret_value()
    async with counted(url) as wire:
        changed = settings.model_copy(
            update={"auth_database_url": SecretStr(wire.url(url)), "database_pool_size": 1}
        )
        async with running(changed) as app, client_of(app) as client:
            counted_service = Counted(client, wire)
            for path in ("/sign-up", "/password-reset"):
                for _ in range(2):  # every statement is prepared
                    await counted_service.ask(path, f"warm-{uuid7().hex}@example.com")
            yield counted_service


@pytest.mark.parametrize("path", ["/sign-up", "/password-reset"])
async def test_known_and_unknown_addresses_cost_the_same(
    identity: Identity, service: Counted, path: str
) -> None:
    known = await identity.make_person()
    inactive = await identity.make_person(active=False)
    staff = await identity.make_person(platform_role="support_agent")
    unknown = f"nobody-{uuid7().hex}@example.com"
    costs = {
        email: [await service.ask(path, email) for _ in range(2)]
        for email in (known.email, inactive.email, staff.email, unknown)
    }
    # The opening batch, the row, the job, COMMIT.
    assert set(map(tuple, costs.values())) == {(4, 4)}
