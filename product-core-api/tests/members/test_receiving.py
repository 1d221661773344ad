"""Members as the identity service tells them: its last word counts, whoever repeats an earlier."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared_lib.ids import uuid7
from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import IDENTITY_AUDIENCE
from tests.conftest import MakeOrganization, Tenant

pytestmark = pytest.mark.database


def fact(version: int = 1, **changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": f"Ada {version}",
        "email": f"Ada{version}@example.org",
        "role": "owner",
        "active": True,
        "version": version,
    }
    return told | changes


async def tell(
    client: httpx.AsyncClient,
    issuer: TokenIssuer,
    tenant_id: UUID | str,
    person_id: UUID | str,
    told: dict[str, Any],
) -> httpx.Response:
    return await client.put(
        f"/internal/members/{tenant_id}/{person_id}",
        json=told,
        headers={"Authorization": f"Bearer {issuer.service_to_service()}"},
    )


async def row_of(admin: asyncpg.Connection, tenant_id: UUID, person_id: UUID) -> dict[str, Any]:
    row = await admin.fetchrow(
        "SELECT name, email, role, active, version, updated_at FROM members"
        " WHERE tenant_id = $1 AND person_id = $2",
        *(tenant_id, person_id),
    )
    return dict(row) if row else {}


async def known(admin: asyncpg.Connection, tenant_id: UUID, person_id: UUID) -> dict[str, Any]:
    row = await row_of(admin, tenant_id, person_id)
    return {name: value for name, value in row.items() if name != "updated_at"}


async def test_a_member_is_kept_and_changed(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer
) -> None:
    person = uuid7()
    for told in (fact(1), fact(2, role="viewer"), fact(7, name="", active=False)):
        response = await tell(tenant.client, issuer, tenant.id, person, told)
        assert (response.status_code, response.content) == (204, b"")
        assert await known(admin, tenant.id, person) == told


# T36
async def test_what_is_repeated_changes_nothing_not_even_the_time(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer
) -> None:
    person = uuid7()
    await tell(tenant.client, issuer, tenant.id, person, fact(2))
    before = await row_of(admin, tenant.id, person)
    for told in (fact(2), fact(2, role="client"), fact(1)):
        assert (await tell(tenant.client, issuer, tenant.id, person, told)).status_code == 204
        assert await row_of(admin, tenant.id, person) == before


# T10
async def test_a_late_retry_brings_nobody_back(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer
) -> None:
    person = uuid7()
    await tell(tenant.client, issuer, tenant.id, person, fact(3, active=False))
    await tell(tenant.client, issuer, tenant.id, person, fact(2, active=True))
    assert (await known(admin, tenant.id, person))["active"] is False


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(versions=st.lists(st.integers(1, 6), min_size=1, max_size=12))
async def test_in_every_order_of_deliveries_the_highest_version_stays(
    admin: asyncpg.Connection,
    client: httpx.AsyncClient,
    issuer: TokenIssuer,
    make_tenant: MakeOrganization,
    versions: list[int],
) -> None:
    """After each delivery, not only after the last."""
    tenant, person = await make_tenant(), uuid7()
    for number, version in enumerate(versions, start=1):
        told = fact(version, active=version % 2 == 0)
        assert (await tell(client, issuer, tenant.id, person, told)).status_code == 204
        highest = max(versions[:number])
        expected = fact(highest, active=highest % 2 == 0)
        assert await known(admin, tenant.id, person) == expected


async def test_deliveries_at_once_leave_the_highest_version(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer
) -> None:
    person = uuid7()
    versions = [*range(1, 16), *range(15, 0, -1)]
    answers = await asyncio.gather(
        *(tell(tenant.client, issuer, tenant.id, person, fact(version)) for version in versions)
    )
    assert {answer.status_code for answer in answers} == {204}
    assert await known(admin, tenant.id, person) == fact(15)


async def test_a_person_is_another_member_in_another_organization(
    admin: asyncpg.Connection, tenant: Tenant, other: Tenant, issuer: TokenIssuer
) -> None:
    person = uuid7()
    await tell(tenant.client, issuer, tenant.id, person, fact(5, role="owner"))
    await tell(tenant.client, issuer, other.id, person, fact(2, role="viewer"))
    assert (await known(admin, tenant.id, person))["role"] == "owner"
    assert (await known(admin, other.id, person))["role"] == "viewer"


@pytest.mark.parametrize("status", ["suspended", "deleting", "purged"])
async def test_whatever_became_of_the_organization_the_fact_is_taken(
    admin: asyncpg.Connection, make_tenant: MakeOrganization, issuer: TokenIssuer, status: str
) -> None:
    """Or it would be sent for ever."""
    tenant, person = await make_tenant(status=status), uuid7()
    response = await tell(tenant.client, issuer, tenant.id, person, fact())
    assert response.status_code == 204
    assert await known(admin, tenant.id, person) == fact()


async def test_an_organization_that_is_not_known_yet_is_for_later(
    admin: asyncpg.Connection, client: httpx.AsyncClient, issuer: TokenIssuer
) -> None:
    nowhere, person = uuid7(), uuid7()
    response = await tell(client, issuer, nowhere, person, fact())
    assert (response.status_code, response.json()["detail"]) == (404, "organization_not_found")
    assert await row_of(admin, nowhere, person) == {}


# T8
async def test_only_the_identity_service_may_tell(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer
) -> None:
    person = uuid7()
    path = f"/internal/members/{tenant.id}/{person}"
    for token in (
        issuer.person(sub=person),
        issuer.person(tenant_id=tenant.id, role="owner", sub=person),
        issuer.service(tenant_id=tenant.id, role="owner", client_id="identity-service"),
        issuer.platform(),
        issuer.support(tenant_id=tenant.id),
        issuer.service_to_service(audience=IDENTITY_AUDIENCE),
    ):
        headers = {"Authorization": f"Bearer {token}"}
        response = await tenant.client.put(path, json=fact(), headers=headers)
        assert (response.status_code, response.json()["detail"]) == (401, "invalid_token")
    nobody = await tenant.client.put(path, json=fact())
    assert (nobody.status_code, nobody.json()["detail"]) == (401, "missing_token")
    assert await row_of(admin, tenant.id, person) == {}


@pytest.mark.parametrize(
    "told",
    [
        *(
            {key: value for key, value in fact().items() if key != missing}
            for missing in ("name", "email", "role", "active", "version")
        ),
        {**fact(), "version": None},
        fact(0),
        fact(-1),
        {**fact(), "version": 1.5},
        {**fact(), "version": "2"},
        {**fact(), "version": 2**63},
        fact(role="support"),
        fact(role="OWNER"),
        fact(active=None),
        fact(name="a\x00b"),
        fact(name=None),
        fact(email="x" * 1001),
        fact(tenant_id=str(uuid4())),
    ],
)
async def test_what_is_no_membership_is_refused(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer, told: dict[str, Any]
) -> None:
    person = uuid7()
    response = await tell(tenant.client, issuer, tenant.id, person, told)
    assert (response.status_code, response.json()["detail"]) == (422, "validation_failed")
    assert await row_of(admin, tenant.id, person) == {}


@pytest.mark.parametrize(("tenant_id", "person_id"), [("x", uuid4()), (uuid4(), "x%00")])
async def test_what_are_no_ids_is_refused(
    client: httpx.AsyncClient, issuer: TokenIssuer, tenant_id: object, person_id: object
) -> None:
    response = await tell(client, issuer, str(tenant_id), str(person_id), fact())
    assert response.status_code == 422
