"""`refresh=cookie`: pages hold no refresh token; browsers do, where no script can read it."""

import asyncio
import time
from http.cookies import Morsel, SimpleCookie

import httpx
import jwt
import pytest

from shared_lib.testing.postgres import Cluster
from tests.conftest import PASSWORD, Identity, Person, bearer, client_of, make_settings, running

ORIGIN = "http://localhost:3000"
FOREIGN = (None, "null", "https://evil.example", "https://identity.example.com.evil.example")
NAME = "__Host-refresh"
REFRESH = {"grant_type": "refresh_token", "refresh": "cookie"}


async def ask(
    identity: Identity, cookie: str | None = None, origin: str | None = ORIGIN, **form: str
) -> httpx.Response:
    """A page of `origin` asks the token endpoint; its browser sends `cookie`."""
    headers = {} if origin is None else {"Origin": origin}
    if cookie is not None:
        headers["Cookie"] = f"theme=dark; {NAME}={cookie}"
    return await identity.client.post("/token", data=form, headers=headers)


async def sign_in(identity: Identity, person: Person) -> httpx.Response:
    form = {"username": person.email, "password": PASSWORD, "refresh": "cookie"}
    return await ask(identity, **form)


async def refresh(identity: Identity, cookie: str, **options: str) -> httpx.Response:
    return await ask(identity, cookie, **REFRESH, **options)


def cookie_in(response: httpx.Response) -> Morsel[str]:
    """The one cookie that an answer sets."""
    (header,) = response.headers.get_list("set-cookie")
    ((_, morsel),) = SimpleCookie(header).items()
    return morsel


def sub_of(response: httpx.Response) -> str:
    claims = jwt.decode(response.json()["access_token"], options={"verify_signature": False})
    return str(claims["sub"])


def refused(response: httpx.Response, detail: str, error: str = "invalid_request") -> None:
    assert (response.status_code, response.json()["error"]) == (400, error), response.text
    assert response.json()["detail"] == detail
    assert "set-cookie" not in response.headers


async def person_of(identity: Identity) -> Person:
    person, _ = await identity.make_member()
    return person


async def test_only_the_browser_gets_the_refresh_token(identity: Identity) -> None:
    response = await sign_in(identity, await person_of(identity))
    assert response.status_code == 200
    assert response.json().keys() == {"access_token", "expires_in", "token_type"}
    assert response.headers["cache-control"] == "no-store"
    cookie = cookie_in(response)
    told = {name: value for name, value in cookie.items() if value}
    assert (cookie.key, len(cookie.value)) == (NAME, 43)
    assert told == {
        "path": "/",
        "max-age": str(identity.settings.refresh_idle),
        "secure": True,
        "httponly": True,
        "samesite": "strict",
    }
    me = await identity.client.get("/me", headers=bearer(response.json()["access_token"]))
    assert me.status_code == 200


async def test_each_use_puts_another_into_its_place(identity: Identity) -> None:
    seen = [cookie_in(await sign_in(identity, await person_of(identity))).value]
    for _ in range(3):
        response = await refresh(identity, seen[-1])
        assert response.json().keys() == {"access_token", "expires_in", "token_type"}
        seen.append(cookie_in(response).value)
    assert len(set(seen)) == len(seen)


async def test_two_tabs_get_the_same_answer(identity: Identity) -> None:
    cookie = cookie_in(await sign_in(identity, await person_of(identity))).value
    answers = await asyncio.gather(*(refresh(identity, cookie) for _ in range(3)))
    assert len({(answer.content, cookie_in(answer).value) for answer in answers}) == 1
    assert (await refresh(identity, cookie_in(answers[0]).value)).status_code == 200


async def test_a_tab_that_is_late_does_not_put_a_spent_token_back(identity: Identity) -> None:
    first = cookie_in(await sign_in(identity, await person_of(identity))).value
    second = cookie_in(await refresh(identity, first)).value
    third = cookie_in(await refresh(identity, second)).value
    late = await refresh(identity, first)
    assert late.status_code == 200
    assert late.json().keys() == {"access_token", "expires_in", "token_type"}
    assert "set-cookie" not in late.headers
    assert (await refresh(identity, third)).status_code == 200


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_foreign_page_neither_signs_in_nor_refreshes(
    identity: Identity, origin: str | None
) -> None:
    person = await person_of(identity)
    form = {"username": person.email, "password": PASSWORD, "refresh": "cookie"}
    refused(await ask(identity, origin=origin, **form), "origin_not_allowed")
    cookie = cookie_in(await sign_in(identity, person)).value
    refused(await ask(identity, cookie, origin, **REFRESH), "origin_not_allowed")
    rows = await identity.admin.fetch(
        "SELECT spent_at FROM sign_in_sessions s JOIN refresh_tokens ON session_id = s.id"
        " WHERE person_id = $1",
        person.id,
    )
    assert [row["spent_at"] for row in rows] == [None]


async def test_nobodys_cookie_is_looked_at_who_does_not_ask_for_that(identity: Identity) -> None:
    cookie = cookie_in(await sign_in(identity, await person_of(identity))).value
    refused(await ask(identity, cookie, grant_type="refresh_token"), "missing_parameter")
    other = await identity.sign_in(await person_of(identity))
    form = {"grant_type": "refresh_token", "refresh_token": other["refresh_token"]}
    response = await ask(identity, cookie, **form)
    assert response.status_code == 200
    assert "refresh_token" in response.json()
    assert "set-cookie" not in response.headers


async def test_a_token_of_the_form_moves_into_the_cookie_only_by_signing_in(
    identity: Identity,
) -> None:
    token = (await identity.sign_in(await person_of(identity)))["refresh_token"]
    refused(await ask(identity, refresh_token=token, **REFRESH), "invalid_parameter")
    refused(await ask(identity, token, refresh_token=token, **REFRESH), "invalid_parameter")
    assert (await identity.refresh(token)).status_code == 200


@pytest.mark.parametrize("wish", ["body", "Cookie", "cookie ", "1"])
async def test_another_wish_is_refused_by_both_grants(identity: Identity, wish: str) -> None:
    person = await person_of(identity)
    form = {"username": person.email, "password": PASSWORD, "refresh": wish}
    refused(await ask(identity, **form), "invalid_parameter")
    token = (await identity.sign_in(person))["refresh_token"]
    refused(await identity.refresh(token, refresh=wish), "invalid_parameter")


@pytest.mark.parametrize("cookie", [None, ""])
async def test_without_a_cookie_there_is_nothing_to_refresh(
    identity: Identity, cookie: str | None
) -> None:
    refused(await ask(identity, cookie, **REFRESH), "refresh_cookie_missing", "invalid_grant")


@pytest.mark.parametrize("before", ["\xa0", "\x85", "\x0c", '"', "x; x=", "$"])
async def test_what_another_host_may_set_is_another_cookie(identity: Identity, before: str) -> None:
    """Names that begin with `__Host-` are refused to others by browsers, byte for byte."""
    own, planted = [
        cookie_in(await sign_in(identity, await person_of(identity))).value for _ in range(2)
    ]

    async def send(cookies: str) -> httpx.Response:
        headers = {b"Origin": ORIGIN.encode(), b"Cookie": cookies.encode("latin-1")}
        return await identity.client.post("/token", data=REFRESH, headers=headers)

    alone = await send(f"{before}{NAME}={planted}")
    refused(alone, "refresh_cookie_missing", "invalid_grant")
    beside = await send(f"{before}{NAME}={planted}; {NAME}={own}")
    assert sub_of(beside) == sub_of(await refresh(identity, cookie_in(beside).value))
    assert sub_of(beside) != sub_of(await refresh(identity, planted))


async def test_two_of_the_name_are_refused(identity: Identity) -> None:
    cookie = cookie_in(await sign_in(identity, await person_of(identity))).value
    twice = f"{cookie}; {NAME}=another"
    refused(await ask(identity, twice, **REFRESH), "invalid_parameter")
    assert (await refresh(identity, cookie)).status_code == 200


async def cost(identity: Identity, path: str, cookie: str) -> float:
    """Processor time of a refused request with a cookie."""
    begun = time.process_time()
    response = await identity.client.post(path, data={"token": "x"}, headers={"Cookie": cookie})
    assert response.is_client_error
    return time.process_time() - begun


@pytest.mark.parametrize("path", ["/token", "/introspect"])
async def test_a_long_cookie_is_not_dear(identity: Identity, path: str) -> None:
    """Python before 3.11.10 and 3.12.6 needs ten seconds to undo this quoting (CVE-2024-7592)."""
    plain = max([await cost(identity, path, "x=y") for _ in range(3)])
    assert await cost(identity, path, 'x="' + "\\" * 60_000 + '"') < 500 * plain


@pytest.mark.parametrize("cookie", ["never-given-out", "ÿþ", "%00"])
async def test_a_cookie_that_is_none_of_ours_is_unknown(identity: Identity, cookie: str) -> None:
    headers = {b"Origin": ORIGIN.encode(), b"Cookie": f"{NAME}={cookie}".encode("latin-1")}
    response = await identity.client.post("/token", data=REFRESH, headers=headers)
    refused(response, "refresh_token_unknown", "invalid_grant")


@pytest.mark.parametrize("path", ["/logout", "/logout/all"])
async def test_signing_out_takes_it_back(identity: Identity, path: str) -> None:
    signed_in = await sign_in(identity, await person_of(identity))
    cookie, access = cookie_in(signed_in).value, bearer(signed_in.json()["access_token"])
    headers = {**access, "Cookie": f"{NAME}={cookie}"}
    response = await identity.client.post(path, headers=headers)
    assert (response.status_code, response.content) == (204, b"")
    dropped = cookie_in(response)
    assert (dropped.key, dropped.value, dropped["max-age"]) == (NAME, "", "0")
    # Browsers drop a `__Host-` cookie only by what might have set it.
    assert (dropped["secure"], dropped["path"]) == (True, "/")
    refused(await refresh(identity, cookie), "session_ended", "invalid_grant")


async def test_who_has_no_cookie_is_told_to_drop_none(identity: Identity) -> None:
    answer = await identity.sign_in(await person_of(identity))
    response = await identity.client.post("/logout", headers=bearer(answer["access_token"]))
    assert (response.status_code, "set-cookie" in response.headers) == (204, False)


async def test_pages_may_send_it_and_foreign_ones_may_not_read_the_answer(
    identity: Identity,
) -> None:
    response = await sign_in(identity, await person_of(identity))
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["access-control-allow-credentials"] == "true"
    foreign = await ask(identity, origin="https://evil.example", **REFRESH)
    assert "access-control-allow-origin" not in foreign.headers


async def test_over_http_it_is_a_plain_cookie(
    cluster: Cluster, database_name: str, identity: Identity
) -> None:
    person = await person_of(identity)
    settings = make_settings(
        cluster, database_name, identity.settings.core_url, issuer="http://localhost:8001"
    )
    async with running(settings) as app, client_of(app) as client:
        headers = {"Origin": ORIGIN}
        form = {"username": person.email, "password": PASSWORD, "refresh": "cookie"}
        cookie = cookie_in(await client.post("/token", data=form, headers=headers))
        assert (cookie.key, cookie["secure"], cookie["httponly"]) == ("refresh", "", True)
        # The client keeps it as a browser does, and has no other.
        response = await client.post("/token", data=REFRESH, headers=headers)
        assert response.status_code == 200
        assert cookie_in(response).value != cookie.value
