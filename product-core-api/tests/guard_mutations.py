"""Every guard of the core, loosened; not collected by itself: `make mutate` names this file."""

import asyncpg
import pytest

from app.core.settings import CoreSettings
from app.main import create_app
from mutation.guard_trial import try_guards
from shared_lib.prove._principals import Cast
from shared_lib.testing.tokens import TokenIssuer
from tests.cast import make_cast
from tests.conftest import MakeOrganization, open_client

pytestmark = pytest.mark.database


async def test_loosened_guards(
    settings: CoreSettings,
    admin: asyncpg.Connection,
    issuer: TokenIssuer,
    make_tenant: MakeOrganization,
) -> None:
    limits = ("rate_limit_principal", "rate_limit_organization", "rate_limit_address")
    unlimited = settings.model_copy(update=dict.fromkeys(limits, "off"))
    app = create_app(unlimited)

    async def cast(_: str) -> Cast:
        return await make_cast(admin, issuer, make_tenant)

    async with app.router.lifespan_context(app), open_client(app) as client:
        await try_guards(app, client, "product-core-api", cast)
