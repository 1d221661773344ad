"""Who is let through by the access matrix also gets done what he asks for."""

import asyncpg
import pytest
from fastapi import FastAPI

from shared_lib.prove._matrix import MATRIX
from shared_lib.prove._principals import OUTSIDE, Principal
from shared_lib.tenancy import AccessMode
from shared_lib.testing.tokens import TokenIssuer
from tests.cast import token_of
from tests.conftest import MakeOrganization
from tests.documented import operations
from tests.operations import RECIPES, make_world

pytestmark = pytest.mark.database

OK = "ok"
ANSWERS = {name: row.answers() for name, row in MATRIX["product-core-api"].items()}


def test_every_operation_is_called(application: FastAPI) -> None:
    assert set(RECIPES) == set(ANSWERS) == set(operations(application))


@pytest.mark.parametrize("principal", list(Principal), ids=lambda each: each.name.lower())
async def test_what_a_principal_may_do(
    admin: asyncpg.Connection,
    issuer: TokenIssuer,
    make_tenant: MakeOrganization,
    principal: Principal,
) -> None:
    """In an active organization, with a request that is good."""
    cell = (principal, None if principal in OUTSIDE else AccessMode.ACTIVE)
    answered: dict[str, str] = {}
    for name, make_call in RECIPES.items():
        world = await make_world(admin, await make_tenant())
        who = (world.tenant.id, principal, world.agent_id)
        token = await token_of(admin, issuer, *who)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        call = make_call(world)
        response = await call.send(world.tenant.client, headers)
        answered[name] = call.answer(response)
        if response.status_code == 401:
            challenge = response.headers["www-authenticate"]
            assert ('error="invalid_token"' in challenge) == (token is not None)
    assert answered == {name: answers[cell].code or OK for name, answers in ANSWERS.items()}
