"""`POST /sign-up`: one answer for every address; what is mailed depends on who has it."""

import httpx
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.mail import links_in, text_of
from tests.conftest import Identity
from tests.mailbox import mails_to, next_mail, token_in, worker_is_idle


def fresh_address() -> str:
    return f"New-{uuid7().hex}@example.com"


async def ask(identity: Identity, email: str, **body: object) -> httpx.Response:
    return await identity.client.post("/sign-up", json={"email": email, **body})


def seen(response: httpx.Response) -> tuple[object, ...]:
    """All that the one who asks sees, but for what differs between any two requests."""
    headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
    return response.status_code, headers, response.content


async def test_an_unknown_address_gets_a_link(identity: Identity) -> None:
    email = fresh_address()
    response = await ask(identity, email)
    assert (response.status_code, set(response.json())) == (202, {"message"})
    mail = await next_mail(identity, email)
    assert links_in(mail)[0] == f"{identity.settings.web_url}/sign-up#token={token_in(mail)}"
    person = await identity.admin.fetchval(
        "SELECT count(*) FROM people WHERE email_normalized = $1", email.lower()
    )
    assert person == 0


# T21
@pytest.mark.parametrize("spelled", [str, str.upper, str.lower])
async def test_a_known_address_gets_word_that_it_is_known(
    identity: Identity, spelled: type[str]
) -> None:
    person = await identity.make_person()
    assert (await ask(identity, spelled(person.email))).status_code == 202
    mail = await next_mail(identity, person.email)
    assert "#token=" not in text_of(mail)
    assert f"{identity.settings.web_url}/sign-in" in links_in(mail)
    await worker_is_idle(identity)
    assert len(mails_to(identity, person.email)) == 1


async def test_nobody_sees_whether_an_address_is_known(identity: Identity) -> None:
    known = await identity.make_person()
    inactive = await identity.make_person(active=False)
    responses = [
        await ask(identity, email) for email in (fresh_address(), known.email, inactive.email)
    ]
    assert seen(responses[0]) == seen(responses[1]) == seen(responses[2])


@pytest.mark.parametrize(
    "email",
    [
        "",
        "nobody",
        "a@b",
        "a b@example.com",
        "a@example.com\nBcc: b@example.com",
        "a@bücher.example",
        "x" * 250 + "@example.com",
    ],
)
async def test_what_is_no_address_is_refused(identity: Identity, email: str) -> None:
    response = await ask(identity, email)
    assert (response.status_code, response.json()["detail"]) == (422, "validation_failed")
    assert response.json()["errors"][0]["field"] == "body.email"


# T8
@pytest.mark.parametrize(
    "field", ["password", "verified", "verified_at", "platform_role", "role", "tenant_id", "id"]
)
async def test_nothing_else_can_be_set(identity: Identity, field: str) -> None:
    email = fresh_address()
    response = await ask(identity, email, **{field: "x"})
    assert (response.status_code, response.json()["detail"]) == (422, "validation_failed")
    count = await identity.admin.fetchval("SELECT count(*) FROM sign_ups WHERE email = $1", email)
    assert count == 0


async def test_neither_tables_nor_jobs_hold_the_token(identity: Identity) -> None:
    email = fresh_address()
    await ask(identity, email)
    token = token_in(await next_mail(identity, email))
    everything = await identity.admin.fetchval(
        "SELECT string_agg(row, ' ') FROM (SELECT sign_ups::text AS row FROM sign_ups"
        " UNION ALL SELECT jobs::text FROM jobs) AS rows"
    )
    assert email in everything
    assert token not in everything
    assert token[-20:] not in everything


async def test_an_address_gets_so_many_mails_and_nobody_sees_that(identity: Identity) -> None:
    known = await identity.make_person()
    unknown = f"nobody-{uuid7().hex}@example.com"
    answers = set()
    for email in (known.email, unknown):
        for spelled in [email.lower(), email.upper()] * 3:
            response = await ask(identity, spelled)
            answers.add((response.status_code, response.content))
    assert len(answers) == 1
    await worker_is_idle(identity)
    assert len(mails_to(identity, known.email)) == 5
