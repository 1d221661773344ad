"""A spent refresh token that comes back: the session ends, its person is told, once."""  # T30

import asyncio
from hashlib import sha256

import jwt

from shared_lib.testing.mail import text_of
from tests.conftest import CoreReceiver, Identity, Person
from tests.mailbox import mails_to, next_mail, security_event, worker_is_idle


async def stolen(identity: Identity, person: Person) -> str:
    """A refresh token that was spent longer ago than the grace."""
    first = (await identity.sign_in(person))["refresh_token"]
    assert (await identity.refresh(first)).status_code == 200
    async with identity.admin.transaction():
        # Past the trigger that keeps a spent token as it is.
        await identity.admin.execute("SET LOCAL session_replication_role = replica")
        await identity.admin.execute(
            "UPDATE refresh_tokens SET spent_at = spent_at - interval '11 seconds'"
            " WHERE token_hash = $1",
            sha256(first.encode()).digest(),
        )
    return str(first)


async def test_the_person_is_told_once(identity: Identity) -> None:
    person, _ = await identity.make_member()
    token = await stolen(identity, person)
    responses = await asyncio.gather(*(identity.refresh(token) for _ in range(3)))
    details = sorted(response.json()["detail"] for response in responses)
    assert details == ["refresh_token_reused", "session_ended", "session_ended"]
    mail = await next_mail(identity, person.email)
    assert "used twice" in text_of(mail)
    assert token not in mail.as_string()
    for _ in range(3):
        assert (await identity.refresh(token)).json()["detail"] == "session_ended"
    await worker_is_idle(identity)
    assert len(mails_to(identity, person.email)) == 1


async def test_the_trail_has_it(identity: Identity, core: CoreReceiver) -> None:
    person, organization = await identity.make_member()
    answer = await identity.sign_in(person)
    sid = jwt.decode(answer["access_token"], options={"verify_signature": False})["sid"]
    token = answer["refresh_token"]
    await identity.refresh(token)
    await identity.admin.execute("UPDATE refresh_tokens SET answer = NULL WHERE answer IS NOT NULL")
    assert (await identity.refresh(token)).json()["detail"] == "refresh_token_reused"
    event = await security_event(core, "sessions.end", sid)
    assert (event["code"], event["tenant_id"]) == ("refresh_token_reused", str(organization.id))
    assert event["subject_id"] == str(person.id)
    await core.learns(sid)


async def test_a_second_tab_alarms_nobody(identity: Identity) -> None:
    person = await identity.make_person()
    token = (await identity.sign_in(person))["refresh_token"]
    responses = await asyncio.gather(*(identity.refresh(token) for _ in range(3)))
    assert {response.status_code for response in responses} == {200}
    await worker_is_idle(identity)
    assert mails_to(identity, person.email) == []


async def test_whoever_was_deactivated_gets_no_mail(identity: Identity) -> None:
    person, _ = await identity.make_member()
    token = await stolen(identity, person)
    await identity.admin.execute("UPDATE people SET active = false WHERE id = $1", person.id)
    assert (await identity.refresh(token)).json()["detail"] == "account_inactive"
    await worker_is_idle(identity)
    assert mails_to(identity, person.email) == []
