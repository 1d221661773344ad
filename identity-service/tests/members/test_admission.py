"""Who is admitted to an organization's operations: what a token says must still be so."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core.process import issued_at
from app.main import create_app
from shared_lib.testing.postgres import Cluster
from tests.conftest import Identity, bearer
from tests.team import make_team, refused


@pytest.mark.parametrize("role", ["owner", "admin", "standard", "viewer"])
@pytest.mark.parametrize("status", ["suspended", "deleting", "purged", "something_new"])
async def test_nobody_works_in_an_organization_that_is_not_active(
    identity: Identity, role: str, status: str
) -> None:
    team = await make_team(identity, [role])
    await identity.admin.execute(
        "UPDATE tenants SET status = $2 WHERE id = $1", team.organization.id, status
    )
    refused(await team[role].call("GET", "/members"), 403, "tenant_blocked")
    # His own rows stay his.
    assert (await team[role].call("GET", "/me")).status_code == 200


@pytest.mark.parametrize(
    ("change", "admitted_after_refresh"),
    [
        ("UPDATE memberships SET active = false WHERE person_id = $1", False),
        ("UPDATE memberships SET role = 'admin' WHERE person_id = $1", True),
        ("UPDATE memberships SET tokens_not_before = now() WHERE person_id = $1", True),
        ("UPDATE people SET tokens_not_before = now() WHERE id = $1", True),
        ("UPDATE people SET active = false WHERE id = $1", False),
        ("UPDATE sign_in_sessions SET expires_at = now() WHERE person_id = $1", False),
    ],
)
async def test_t9_t10_a_token_is_dead_as_soon_as_what_it_says_is_not_so(
    identity: Identity, change: str, admitted_after_refresh: Any
) -> None:
    team = await make_team(identity, ["owner"])
    owner = team["owner"]
    assert (await owner.call("GET", "/members")).status_code == 200
    await identity.admin.execute(change, owner.id)
    refused(await owner.call("GET", "/members"), 401, "token_revoked")
    refreshed = await identity.refresh(owner.refresh_token)
    assert refreshed.is_success == admitted_after_refresh
    if admitted_after_refresh:
        headers = bearer(refreshed.json()["access_token"])
        assert (await identity.client.get("/members", headers=headers)).status_code == 200


async def test_a_service_account_manages_no_members(identity: Identity) -> None:
    team = await make_team(identity, ["owner"])
    process = identity.app.state.process
    claims = process.claims.service_account(
        sub=team["owner"].id,
        client_id="sa",
        tenant_id=team.organization.id,
        role="owner",
        iat=issued_at(),
    )
    headers = bearer(process.sign(claims))
    for method, path in (("GET", "/members"), ("GET", "/invitations"), ("DELETE", "/members/me")):
        response = await identity.client.request(method, path, headers=headers)
        refused(response, 403, "missing_permission")


async def test_a_transaction_is_admitted_once(
    cluster: Cluster, database_name: str, identity: Identity
) -> None:
    team = await make_team(identity, ["owner"])
    claims = team["owner"].claims
    url = cluster.url(database_name, "identity_app").replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    admit = f"CALL public.admit(2, '{UUID(claims['sid'])}', 1, {claims['iat']})"
    settings = (
        f"SET LOCAL app.current_tenant = '{team.organization.id}';"
        f"SET LOCAL app.current_person = '{team['owner'].id}'"
    )
    async with connection.transaction():
        await connection.execute(settings)
        await connection.execute(admit)
        with pytest.raises(asyncpg.RaiseError, match="admitted before"):
            await connection.execute(admit)
    await connection.close()


@pytest.mark.parametrize(
    ("scope", "role", "outcome"),
    [
        (3, 6, None),
        (3, 7, "PT401"),
        (3, 0, "PT401"),
        (3, 1, "PT401"),
        (1, 0, None),
        (2, 6, "PT401"),
    ],
)
async def test_platform_scope_asks_for_the_role_that_the_person_has(
    cluster: Cluster, database_name: str, identity: Identity, scope: int, role: int, outcome: Any
) -> None:
    agent = await identity.make_person(platform_role="platform_admin")
    await identity.sign_in(agent)
    sid = await identity.admin.fetchval(
        "SELECT id FROM sign_in_sessions WHERE person_id = $1", agent.id
    )
    url = cluster.url(database_name, "identity_platform").replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(f"SET LOCAL app.current_person = '{agent.id}'")
    admission = connection.execute(f"CALL public.admit({scope}, '{sid}', {role}, 9999999999)")
    if outcome is None:
        await admission
    else:
        with pytest.raises(asyncpg.PostgresError) as refusal:
            await admission
        assert refusal.value.sqlstate == outcome
    await transaction.rollback()
    await connection.close()


async def test_the_document_says_so(identity: Identity) -> None:
    document = create_app(identity.settings).openapi()
    operation = document["paths"]["/members/{person_id}"]["patch"]
    for status, code in (
        ("401", "token_revoked"),
        ("403", "tenant_blocked"),
        ("409", "last_owner"),
    ):
        assert f"`{code}`" in operation["responses"][status]["description"]
