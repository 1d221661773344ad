"""Every guard of identity, loosened; not collected by itself: `make mutate` names this file."""

from functools import partial

import asyncpg
import pytest

from app.core.settings import IdentitySettings
from mutation.guard_trial import Look, try_guards
from shared_lib.prove._routes_document import Operation
from tests.cast import make_cast
from tests.conftest import Identity, bearer, client_of, running

pytestmark = pytest.mark.database


async def test_loosened_guards(settings: IdentitySettings, admin: asyncpg.Connection) -> None:
    limits = ("rate_limit_principal", "rate_limit_organization", "rate_limit_address")
    unlimited = settings.model_copy(update=dict.fromkeys((*limits, *settings.throttles), "off"))
    async with running(unlimited) as app, client_of(app) as client:
        identity = Identity(app, client, admin, unlimited)
        make = partial(make_cast, identity)
        await try_guards(app, client, "identity-service", make, await demoted(identity))


async def demoted(identity: Identity) -> Look:
    """Staff whose role was taken away are nobody in the matrix: tokens there are as people are."""
    admin = await identity.make_person(platform_role="platform_admin")
    headers = bearer((await identity.sign_in(admin))["access_token"])
    await identity.admin.execute("UPDATE people SET platform_role = NULL WHERE id = $1", admin.id)

    async def look(operation: Operation) -> list[str]:
        if operation.access["scope"] != "platform":
            return []
        response = await identity.client.request(**operation.harmless(), headers=headers)
        status = response.status_code
        return [] if status == 401 else [f"staff without their role: {status}"]

    return look
