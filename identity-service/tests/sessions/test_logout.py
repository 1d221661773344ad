"""`POST /logout`: the session ends here at once and in the core within seconds."""

import asyncio
import json
from typing import Any
from uuid import UUID

import jwt
import pytest

from shared_lib.jwks import read_jwks
from shared_lib.testing.tokens import StaticKeys
from shared_lib.tokens import TokenVerifier
from tests.conftest import CoreReceiver, Identity, bearer, eventually
from tests.locks import until_waiting


def sid_of(answer: dict[str, Any]) -> UUID:
    return UUID(jwt.decode(answer["access_token"], options={"verify_signature": False})["sid"])


@pytest.mark.parametrize("platform_role", [None, "support_agent"])
async def test_everything_of_the_session_is_over(
    identity: Identity, platform_role: str | None
) -> None:
    person = await identity.make_person(platform_role=platform_role)
    answer = await identity.sign_in(person)
    another = await identity.sign_in(person)
    headers = bearer(answer["access_token"])
    response = await identity.client.post("/logout", headers=headers)
    assert (response.status_code, response.content) == (204, b"")
    for method, path in (("GET", "/me"), ("POST", "/logout")):
        response = await identity.client.request(method, path, headers=headers)
        assert (response.status_code, response.json()["detail"]) == (401, "token_revoked")
    refused = await identity.refresh(answer["refresh_token"])
    assert (refused.status_code, refused.json()["detail"]) == (400, "session_ended")
    # Another device stays signed in.
    response = await identity.client.get("/me", headers=bearer(another["access_token"]))
    assert response.status_code == 200
    assert (await identity.refresh(another["refresh_token"])).status_code == 200


async def test_without_a_token_it_is_401(identity: Identity) -> None:
    response = await identity.client.post("/logout")
    assert (response.status_code, response.json()["detail"]) == (401, "missing_token")


async def test_the_core_learns_it(identity: Identity, core: CoreReceiver) -> None:
    person, _ = await identity.make_member()
    answer = await identity.sign_in(person)
    sid = sid_of(answer)
    await identity.client.post("/logout", headers=bearer(answer["access_token"]))
    await core.learns(sid)
    revocation = core.revoked(sid)[0]
    assert revocation.keys() == {
        "id",
        "kind",
        "subject_id",
        "tenant_id",
        "not_before",
        "ended_at",
    }
    assert UUID(revocation["id"]).version == 7
    assert (revocation["kind"], revocation["tenant_id"]) == ("session", None)
    assert revocation["not_before"] is None
    assert revocation["ended_at"].endswith("Z")


async def test_the_core_is_called_with_a_token_for_its_internal_paths_only(
    identity: Identity, core: CoreReceiver
) -> None:
    person, _ = await identity.make_member()
    answer = await identity.sign_in(person)
    await identity.client.post("/logout", headers=bearer(answer["access_token"]))
    await core.learns(sid_of(answer))
    subject = str(sid_of(answer))
    request = next(each for each in core.received if subject in str(each.body))
    assert request.path == "/internal/revocations"
    scheme, _, token = request.authorization.partition(" ")
    assert scheme == "Bearer"
    # From the table: another test may have revoked the key since.
    kid = jwt.get_unverified_header(token)["kid"]
    jwk = await identity.admin.fetchval("SELECT public_jwk FROM signing_keys WHERE kid = $1", kid)
    keys = read_jwks({"keys": [json.loads(jwk)]})
    verifier = TokenVerifier(
        issuer=identity.settings.issuer,
        keys=StaticKeys(*keys.values()),
        audience="product-core-api",
    )
    data = await verifier.verify(token, internal=True)
    assert (data.client_id, data.is_service) == ("identity-service", True)
    assert (data.tenant_id, data.role, data.sid) == (None, None, None)


async def test_sign_outs_at_once_revoke_once(identity: Identity, core: CoreReceiver) -> None:
    person, _ = await identity.make_member()
    answer = await identity.sign_in(person)
    headers = bearer(answer["access_token"])
    async with identity.admin.transaction():
        # All are admitted and then wait for the row.
        await identity.admin.execute(
            "SELECT FROM sign_in_sessions WHERE person_id = $1 FOR UPDATE", person.id
        )
        attempts = [
            asyncio.create_task(identity.client.post("/logout", headers=headers)) for _ in range(3)
        ]
        await until_waiting(identity.admin, len(attempts))
    assert {(await attempt).status_code for attempt in attempts} == {204}
    sid = sid_of(answer)
    sent = "SELECT count(*) = 0 FROM jobs WHERE arguments ->> 'subject_id' = $1::text"
    await eventually(lambda: identity.admin.fetchval(sent, str(sid)))
    assert len(core.revoked(sid)) == 1
