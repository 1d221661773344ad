"""The token endpoint's requests as RFC 6749 section 3.2 wants them read."""

import httpx
import pytest

from shared_lib.ids import uuid7
from tests.conftest import PASSWORD, Identity, Person

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def person(identity: Identity) -> Person:
    made, _ = await identity.make_member()
    return made


async def post(identity: Identity, body: str | bytes, **headers: str) -> httpx.Response:
    return await identity.client.post("/token", content=body, headers={**FORM, **headers})


def refused(response: httpx.Response, detail: str, error: str = "invalid_request") -> None:
    assert response.status_code == 400, response.text
    assert response.json().keys() == {"error", "error_description", "detail"}
    assert (response.json()["error"], response.json()["detail"]) == (error, detail)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"


async def test_a_form_as_browsers_send_it(identity: Identity, person: Person) -> None:
    body = f"username={person.email.replace('@', '%40')}&password={PASSWORD.replace(' ', '+')}"
    assert (await post(identity, body)).status_code == 200
    spelled = {"Content-Type": "Application/X-WWW-Form-Urlencoded; charset=UTF-8"}
    assert (await post(identity, body, **spelled)).status_code == 200


async def test_unknown_parameters_are_ignored_and_empty_ones_omitted(
    identity: Identity, person: Person
) -> None:
    response = await identity.token(
        username=person.email,
        password=PASSWORD,
        grant_type="",
        client_id="",
        tenant_id="",
        scope="everything",
        nonsense="1",
    )
    assert response.status_code == 200


@pytest.mark.parametrize("name", ["username", "grant_type", "nonsense", "empty"])
async def test_repeated_parameters_are_refused(
    identity: Identity, person: Person, name: str
) -> None:
    value = "" if name == "empty" else "x"
    body = f"username={person.email}&password={PASSWORD}&{name}={value}&{name}={value}"
    refused(await post(identity, body), "repeated_parameter")


async def test_a_name_cannot_hide_behind_its_encoding(identity: Identity, person: Person) -> None:
    body = f"username={person.email}&password=x&%70assword={PASSWORD}"
    refused(await post(identity, body), "repeated_parameter")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/x-www-form-urlencoded; charset=utf-16",
    ],
)
async def test_other_content_types_are_refused(identity: Identity, content_type: str) -> None:
    response = await post(identity, "username=a&password=b", **{"Content-Type": content_type})
    refused(response, "invalid_content_type")


async def test_no_content_type_is_refused(identity: Identity) -> None:
    refused(await identity.client.post("/token", content=b""), "invalid_content_type")


@pytest.mark.parametrize(
    "body",
    [
        b"username=%ff&password=x",
        b"username=\xff&password=x",
        b"username=a%00b&password=x",
        b"username=a&password=x%0a",
        b"username=%ed%a0%80&password=x",
        b"&".join(b"p%d=1" % number for number in range(60)),
    ],
)
async def test_what_is_no_text_is_refused(identity: Identity, body: bytes) -> None:
    refused(await post(identity, body), "invalid_parameter")


@pytest.mark.parametrize(
    "form", [{}, {"password": "x"}, {"username": "x"}, {"grant_type": "refresh_token"}]
)
async def test_missing_parameters_are_named(identity: Identity, form: dict[str, str]) -> None:
    response = await identity.client.post("/token", data=form, headers=FORM if not form else None)
    refused(response, "missing_parameter")


@pytest.mark.parametrize("tenant_id", ["acme", "{0}", "urn:uuid:{0}", "{0}0"])
async def test_a_tenant_id_that_is_none_is_refused(
    identity: Identity, person: Person, tenant_id: str
) -> None:
    wrong = tenant_id.format(uuid7().hex)
    response = await identity.token(username=person.email, password=PASSWORD, tenant_id=wrong)
    refused(response, "invalid_parameter")


async def test_grants_that_do_not_exist_are_unsupported(identity: Identity) -> None:
    for grant_type in (
        "authorization_code",
        "implicit",
        "Password",
        "pässword",
    ):
        response = await identity.token(grant_type=grant_type, username="x", password="y")
        refused(response, "unsupported_grant_type", "unsupported_grant_type")


async def test_only_post_is_served_and_parameters_in_the_url_do_not_count(
    identity: Identity, person: Person
) -> None:
    query = {"username": person.email, "password": PASSWORD}
    response = await identity.client.get("/token", params=query)
    assert (response.status_code, response.json()["detail"]) == (405, "method_not_allowed")
    response = await identity.client.post("/token", params=query, headers=FORM)
    refused(response, "missing_parameter")
