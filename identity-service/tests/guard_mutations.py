"""Every guard of identity, loosened; not collected by itself: `make mutate` names this file."""

from functools import partial

import asyncpg
import pytest

from app.core.settings import IdentitySettings
from mutation.guard_trial import try_guards
from tests.cast import make_cast
from tests.conftest import Identity, client_of, running

pytestmark = pytest.mark.database


async def test_loosened_guards(settings: IdentitySettings, admin: asyncpg.Connection) -> None:
    limits = ("rate_limit_principal", "rate_limit_organization", "rate_limit_address")
    unlimited = settings.model_copy(update=dict.fromkeys((*limits, *settings.throttles), "off"))
    async with running(unlimited) as app, client_of(app) as client:
        identity = Identity(app, client, admin, unlimited)
        await try_guards(app, client, "identity-service", partial(make_cast, identity))
