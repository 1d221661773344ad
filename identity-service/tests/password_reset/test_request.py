"""`POST /password-reset`: one answer for every address; only an active person gets a link."""

import httpx
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.mail import links_in
from tests.conftest import Identity
from tests.mailbox import mails_to, next_mail, token_in, worker_is_idle


async def ask(identity: Identity, email: str, **body: object) -> httpx.Response:
    return await identity.client.post("/password-reset", json={"email": email, **body})


def seen(response: httpx.Response) -> tuple[object, ...]:
    """All that the one who asks sees, but for what differs between any two requests."""
    headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
    return response.status_code, headers, response.content


# T21
@pytest.mark.parametrize("spelled", [str, str.upper, str.lower])
async def test_an_active_person_gets_a_link(identity: Identity, spelled: type[str]) -> None:
    person = await identity.make_person()
    response = await ask(identity, spelled(person.email))
    assert (response.status_code, set(response.json())) == (202, {"message"})
    mail = await next_mail(identity, person.email)
    assert links_in(mail)[0] == f"{identity.settings.web_url}/password-reset#token={token_in(mail)}"
    # As his address is stored, not as a stranger spelled it.
    assert mail["To"] == person.email.replace("Example.com", "example.com")


async def test_nobody_else_gets_mail_and_nobody_sees_that(identity: Identity) -> None:
    known = await identity.make_person()
    inactive = await identity.make_person(active=False)
    unknown = f"nobody-{uuid7().hex}@example.com"
    responses = [await ask(identity, email) for email in (known.email, inactive.email, unknown)]
    assert seen(responses[0]) == seen(responses[1]) == seen(responses[2])
    await next_mail(identity, known.email)
    await worker_is_idle(identity)
    assert mails_to(identity, inactive.email) == mails_to(identity, unknown) == []


@pytest.mark.parametrize("email", ["", "nobody", "a@example.com,b@example.com", "a@bücher.example"])
async def test_what_is_no_address_is_refused(identity: Identity, email: str) -> None:
    response = await ask(identity, email)
    assert (response.status_code, response.json()["detail"]) == (422, "validation_failed")
    assert response.json()["errors"][0]["field"] == "body.email"


async def test_nothing_else_can_be_set(identity: Identity) -> None:  # T8
    person = await identity.make_person()
    response = await ask(identity, person.email, person_id=str(person.id))
    assert (response.status_code, response.json()["detail"]) == (422, "validation_failed")


async def test_neither_tables_nor_jobs_hold_the_token(identity: Identity) -> None:
    person = await identity.make_person()
    await ask(identity, person.email)
    token = token_in(await next_mail(identity, person.email))
    everything = await identity.admin.fetchval(
        "SELECT string_agg(row, ' ') FROM (SELECT password_resets::text AS row FROM password_resets"
        " UNION ALL SELECT jobs::text FROM jobs) AS rows"
    )
    assert str(person.id) in everything
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
