"""The client credentials grant: RFC 6749 sections 2.3, 4.4 and 5.2, as programs meet them."""

from base64 import b64encode

import httpx
import pytest
from pydantic import SecretStr

from app.core.settings import IdentitySettings
from shared_lib.ids import uuid7
from shared_lib.testing.wire import counted
from tests.conftest import CORE_SECRET, Identity, bearer, client_of, running
from tests.service_accounts.accounts import Account, Owner, basic, claims_in, refused

GRANT = {"grant_type": "client_credentials"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CORE = "product-core-api"
BOTH = ["product-core-api", "identity-service"]


@pytest.fixture(scope="module")
async def owner(identity: Identity) -> Owner:
    return await Owner.make(identity)


@pytest.fixture
async def account(owner: Owner) -> Account:
    return await owner.create()


async def send(
    identity: Identity, form: dict[str, str], headers: dict[str, str] | None = None
) -> httpx.Response:
    return await identity.client.post("/token", data=GRANT | form, headers=headers)


def encoded(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize("method", ["basic", "post"])
async def test_a_token_and_nothing_that_renews_it(
    identity: Identity, account: Account, method: str
) -> None:
    body = {"client_id": account.id, "client_secret": account.secret}
    response = await account.ask() if method == "basic" else await send(identity, body)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["pragma"] == "no-cache"
    answer = response.json()
    claims = claims_in(answer.pop("access_token"))
    assert answer == {"token_type": "Bearer", "expires_in": 900}
    assert claims.pop("exp") - claims.pop("iat") == 900
    assert claims.pop("jti")
    assert claims == {
        "iss": identity.settings.issuer,
        "aud": BOTH,
        "sub": account.id,
        "client_id": account.id,
        "tenant_id": str(account.owner.organization.id),
        "role": "standard",
    }


async def test_basic_is_read_as_rfc_6749_and_7617_say(identity: Identity, account: Account) -> None:
    percent = "".join(f"%{byte:02X}" for byte in account.id.encode())
    good = (
        encoded(f"{percent}:{account.secret}"),
        encoded(f"{account.id.replace('-', '%2d')}:{account.secret.replace('_', '%5f')}"),
        {"Authorization": basic(account.id, account.secret)["Authorization"].replace("Bas", "bAS")},
    )
    for headers in good:
        assert (await send(identity, {}, headers)).status_code == 200
    bad = (
        encoded(f"{account.id.upper()}:{account.secret}"),
        encoded(f"urn:uuid:{account.id}:{account.secret}"),
        encoded(f"{account.id.replace('-', '')}:{account.secret}"),
        encoded(f"{account.id}:{account.secret}+"),
        encoded(f"{account.id}:{account.secret}%20"),
        encoded(f"{account.id}%00:{account.secret}"),
        encoded(f"{account.id}:{account.secret}%00"),
        encoded(f"{account.id}%0a:{account.secret}"),
        encoded(f":{account.secret}"),
        encoded(f"{account.id}:"),
        encoded(f"{account.id}"),
        {"Authorization": "Basic"},
        {"Authorization": "Basic ===="},
    )
    for headers in bad:
        response = await send(identity, {}, headers)
        refused(response, "invalid_client", "invalid_client", status=401)
        assert response.headers["www-authenticate"].startswith("Basic ")


async def test_one_way_of_authentication_at_a_time(identity: Identity, account: Account) -> None:
    headers = basic(account.id, account.secret)
    for form in (
        {"client_secret": account.secret},
        {"client_id": account.id, "client_secret": account.secret},
        {"client_id": "phase-zero-web"},
        {"client_id": account.id.upper()},
    ):
        response = await send(identity, form, headers)
        refused(response, "invalid_request", "repeated_parameter")
    # The same name twice says one thing; an empty parameter says nothing.
    for form in ({"client_id": account.id}, {"client_secret": ""}, {"client_id": ""}):
        assert (await send(identity, form, headers)).status_code == 200


async def test_without_a_secret_there_is_no_token(identity: Identity, account: Account) -> None:
    forms: tuple[dict[str, str], ...] = (
        {},
        {"client_id": account.id},
        {"client_id": account.id, "client_secret": ""},
        {"client_id": "", "client_secret": account.secret},
        {"client_secret": account.secret},
        {"client_id": "phase-zero-web"},
        {"client_id": "phase-zero-web", "client_secret": account.secret},
        {"client_id": account.id, "client_secret": account.secret + " "},
        {"client_id": account.id, "client_secret": account.secret.lower()},
        {"client_id": account.id, "client_secret": account.secret_id},
        {"client_id": CORE, "client_secret": account.secret},
        {"client_id": account.id, "client_secret": CORE_SECRET},
    )
    for form in forms:
        refused(await send(identity, form), "invalid_client", "invalid_client")


@pytest.mark.parametrize(
    "body",
    [
        "grant_type=client_credentials&grant_type=client_credentials",
        "grant_type=client_credentials&audience=a&audience=b",
        "grant_type=client_credentials&client%5Fid=a&client_id=a",
        "grant_type=client_credentials&x=&x=",
    ],
)
async def test_repeated_parameters_are_refused(account: Account, body: str) -> None:
    headers = FORM | basic(account.id, account.secret)
    response = await account.owner.identity.client.post("/token", content=body, headers=headers)
    refused(response, "invalid_request", "repeated_parameter")


async def test_the_grant_has_one_spelling(account: Account) -> None:
    for spelled in ("Client_Credentials", "client-credentials", "client_credentials "):
        response = await account.ask(grant_type=spelled)
        refused(response, "unsupported_grant_type", "unsupported_grant_type")


async def test_json_and_get_are_refused(account: Account) -> None:
    client = account.owner.identity.client
    headers = basic(account.id, account.secret)
    refused(
        await client.post("/token", json=GRANT, headers=headers),
        "invalid_request",
        "invalid_content_type",
    )
    response = await client.get("/token", params=GRANT, headers=headers)
    assert response.status_code == 405


async def test_who_is_unknown_and_who_is_not_look_alike(owner: Owner, account: Account) -> None:
    revoked, expired = await owner.create(), await owner.create()
    await revoked.revoke()
    await owner.identity.admin.execute(
        "UPDATE service_account_secrets SET expires_at = now() WHERE account_id = $1", expired.id
    )
    purged = await (await Owner.make(owner.identity)).create()
    await owner.identity.admin.execute(
        "UPDATE tenants SET status = 'purged' WHERE id = $1", purged.owner.organization.id
    )
    unknown = Account(owner, str(uuid7()), account.secret, account.secret_id)
    named = Account(owner, "nobody", account.secret, account.secret_id)
    nil = Account(owner, "00000000-0000-0000-0000-000000000000", account.secret, "")
    answers = [await each.ask() for each in (revoked, expired, purged, unknown, named, nil)]
    answers += [await account.ask("pzs_wrong"), await account.ask(expired.secret)]
    for answer in answers:
        refused(answer, "invalid_client", "invalid_client", status=401)
    assert len({answer.content for answer in answers}) == 1


async def test_the_way_is_as_long_for_who_is_unknown(
    settings: IdentitySettings, account: Account
) -> None:
    """As many round trips to the database, whoever names himself with a wrong secret."""
    url = settings.auth_database_url.get_secret_value()
    async with counted(url) as wire:
        changed = settings.model_copy(update={"auth_database_url": SecretStr(wire.url(url))})
        async with running(changed) as app, client_of(app) as client:

            async def cost(name: str) -> int:
                spent = 0
                for _ in range(2):  # the first time, statements are prepared
                    wire.round_trips = 0
                    response = await client.post("/token", data=GRANT, headers=basic(name, "no"))
                    assert response.status_code == 401
                    spent = wire.round_trips
                return spent

            costs = [await cost(each) for each in (account.id, str(uuid7()), "nobody", CORE)]
    assert set(costs) == {4}


@pytest.mark.parametrize("status", ["suspended", "deleting"])
async def test_the_state_of_an_organization_is_not_asked_here(
    identity: Identity, status: str
) -> None:
    """People sign in to it, too; the core refuses what may not be done."""
    account = await (await Owner.make(identity)).create()
    await identity.admin.execute(
        "UPDATE tenants SET status = $2 WHERE id = $1", account.owner.organization.id, status
    )
    assert (await account.ask()).status_code == 200


async def test_the_audience_is_one_for_people_never_an_internal_one(account: Account) -> None:
    for audience in BOTH:
        assert claims_in(await account.token(audience=audience))["aud"] == [audience]
    for audience in (
        "product-core-api/internal",
        "identity-service/internal",
        "product-core-api product-core-api/internal",
        "https://example.com",
        "PRODUCT-CORE-API",
    ):
        response = await account.ask(audience=audience)
        refused(response, "invalid_target", "audience_not_allowed")
    response = await account.ask(resource="https://core.example.com/internal")
    refused(response, "invalid_target", "audience_not_allowed")


async def test_parameters_that_mean_nothing_here(identity: Identity, account: Account) -> None:
    refused(await account.ask(scope="admin"), "invalid_scope", "scope_not_supported")
    elsewhere = await identity.make_organization()
    claims = claims_in(await account.token(tenant_id=str(elsewhere.id), role="owner", scope=""))
    assert (claims["tenant_id"], claims["role"]) == (
        str(account.owner.organization.id),
        "standard",
    )


async def test_no_other_grant_is_for_it(identity: Identity, account: Account) -> None:
    person = account.owner.person
    forms: tuple[dict[str, str], ...] = (
        {"grant_type": "password", "username": person.email, "password": person.password},
        {"grant_type": "refresh_token", "refresh_token": "x"},
        {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"},
    )
    for form in forms:
        response = await account.ask(**form)
        refused(response, "unauthorized_client", "client_not_allowed")


async def test_the_core_gets_tokens_for_identitys_internal_operations_only(
    identity: Identity,
) -> None:
    headers = basic(CORE, CORE_SECRET)
    good = await send(identity, {"audience": "identity-service/internal"}, headers)
    claims = claims_in(good.json()["access_token"])
    assert claims["aud"] == ["identity-service/internal"]
    assert not claims.keys() & {"tenant_id", "role", "sid"}
    assert good.json().keys() == {"access_token", "token_type", "expires_in"}
    for audience in (*BOTH, "product-core-api/internal"):
        refused(
            await send(identity, {"audience": audience}, headers),
            "invalid_target",
            "audience_not_allowed",
        )
    refused(await send(identity, {}, headers), "invalid_request", "missing_parameter")


async def test_its_token_is_none_between_services(identity: Identity, account: Account) -> None:
    response = await identity.client.put(
        f"/internal/tenants/{uuid7()}", json={}, headers=bearer(await account.token())
    )
    assert (response.status_code, response.json()["detail"]) == (401, "invalid_token")
