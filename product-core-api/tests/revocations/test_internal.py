"""Who may tell of revocations, and in which form."""

from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from shared_lib.clock import utc_now
from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import IDENTITY_AUDIENCE
from tests.conftest import Tenant
from tests.revocations.test_revocations import deliver, instant, revocation

pytestmark = pytest.mark.database

PATH = "/internal/revocations"


async def test_only_a_service_may_tell(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer
) -> None:
    subject = uuid4()
    body = {"revocations": [revocation("session", subject)]}
    tokens = [
        issuer.person(),
        issuer.person(tenant_id=tenant.id, role="owner"),
        issuer.service(tenant_id=tenant.id, role="owner", client_id="identity-service"),
        issuer.platform(),
        issuer.support(tenant_id=tenant.id),
        issuer.service_to_service(audience=IDENTITY_AUDIENCE),
    ]
    for token in tokens:
        response = await tenant.client.post(
            PATH, json=body, headers={"Authorization": f"Bearer {token}"}
        )
        assert (response.status_code, response.json()["detail"]) == (401, "invalid_token")
    nobody = await tenant.client.post(PATH, json=body)
    assert (nobody.status_code, nobody.json()["detail"]) == (401, "missing_token")
    found = "SELECT count(*) FROM revocations WHERE subject_id = $1"
    assert await admin.fetchval(found, subject) == 0


@pytest.mark.parametrize(
    "path",
    ["/api/v1/me", "/api/v1/popups", "/api/v1/admin/orgs", "/internalx", "/api/v1/internal/x"],
)
async def test_a_services_token_opens_nothing_else(
    client: httpx.AsyncClient, issuer: TokenIssuer, path: str
) -> None:
    headers = {"Authorization": f"Bearer {issuer.service_to_service()}"}
    response = await client.get(path, headers=headers)
    assert (response.status_code, response.json()["detail"]) == (401, "invalid_token")


def _good(**changes: Any) -> dict[str, Any]:
    ended = utc_now().isoformat()
    good = {"id": str(uuid4()), "kind": "session", "subject_id": str(uuid4()), "ended_at": ended}
    return {name: value for name, value in (good | changes).items() if value != "absent"}


@pytest.mark.parametrize(
    "revocations",
    [
        [],
        [_good()] * 1001,
        [_good(kind="signing_key")],
        [_good(kind="signing_key", subject_id="k", not_before=instant(0))],
        [_good(kind="signing_key", subject_id="k", tenant_id=str(uuid4()))],
        [_good(kind="signing_key", subject_id="k" * 129)],
        [_good(kind="signing_key", subject_id="no kid")],
        [_good(kind="signing_key", subject_id="k\n")],
        [_good(kind="session\x00")],
        [_good(subject_id="x")],
        [_good(subject_id="absent")],
        [_good(ended_at="absent")],
        [_good(ended_at="2031-05-01T00:00:00")],
        [_good(ended_at="9999-12-31T23:59:59-14:00")],
        [_good(more=1)],
        [_good(not_before=instant(0))],
        [_good(kind="person")],
        [_good(kind="membership", not_before=instant(0))],
        [_good(kind="person", not_before=instant(0), tenant_id=str(uuid4()))],
        [_good(kind="person", not_before="0001-01-01T00:00:00+14:00")],
        [_good(), _good(kind="x")],
    ],
)
async def test_what_is_no_revocation_is_refused_as_a_whole(
    client: httpx.AsyncClient, issuer: TokenIssuer, revocations: list[dict[str, Any]]
) -> None:
    response = await client.post(
        PATH,
        json={"revocations": revocations},
        headers={"Authorization": f"Bearer {issuer.service_to_service()}"},
    )
    assert response.status_code == 422, response.text
    assert all(error["field"].startswith("body.") for error in response.json()["errors"])


async def test_a_service_whose_account_was_revoked_is_refused(
    client: httpx.AsyncClient, issuer: TokenIssuer
) -> None:
    """Admission by scope: for a service, the revocations of its client."""
    account = uuid4()
    token = issuer.service_to_service(sub=account)
    until = utc_now().timestamp() + 1
    await deliver(client, issuer, revocation("service_account", account, until))
    response = await client.post(
        PATH, json={"revocations": [_good()]}, headers={"Authorization": f"Bearer {token}"}
    )
    assert (response.status_code, response.json()["detail"]) == (401, "token_revoked")


async def test_revocations_of_dead_tokens_are_forgotten(
    admin: asyncpg.Connection, client: httpx.AsyncClient, issuer: TokenIssuer
) -> None:
    old, young = uuid4(), uuid4()
    await deliver(client, issuer, revocation("session", old), revocation("session", young))
    ages = ((old, 62), (young, 60))  # no token lives longer than sixty minutes
    for subject, minutes in ages:
        await admin.execute(
            "UPDATE revocations SET received_at = now() - $1 * interval '1 minute'"
            " WHERE subject_id = $2",
            *(minutes, subject),
        )
    await deliver(client, issuer, revocation("session", uuid4()))
    left = "SELECT count(*) FROM revocations WHERE subject_id = $1"
    assert await admin.fetchval(left, old) == 0
    assert await admin.fetchval(left, young) == 1
