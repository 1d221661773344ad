"""What the log says about sign-ins (ASVS 16.3.1), and what it never says."""

import json
from typing import Any

import pytest

from tests.conftest import PASSWORD, Identity, Person
from tests.service_accounts.accounts import Owner

Captured = pytest.CaptureFixture[bytes]


def events(capture: Captured, name: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capture.readouterr().out.splitlines()]
    return [line for line in lines if line["event"] == name]


async def refusal(identity: Identity, capture: Captured, **form: str) -> dict[str, Any]:
    """The one line about a refused request."""
    capture.readouterr()
    await identity.token(**form)
    (line,) = events(capture, "grant_refused")
    return line


async def test_a_refused_sign_in_names_the_person_and_nothing_that_was_sent(
    identity: Identity, capsysbinary: Captured
) -> None:
    person, _ = await identity.make_member()
    secret = "wrong-but-nearly-right"
    line = await refusal(identity, capsysbinary, username=person.email, password=secret)
    assert (line["grant"], line["detail"]) == ("password", "invalid_credentials")
    assert line["person"] == str(person.id)
    assert secret not in json.dumps(line)
    assert person.email not in json.dumps(line)


async def test_who_cannot_sign_in_at_all_is_nobody(
    identity: Identity, capsysbinary: Captured
) -> None:
    """Nothing more is done for an inactive account, not even with the right password."""
    inactive, _ = await identity.make_member(active=False)
    for username in (inactive.email, "nobody@example.com"):
        line = await refusal(identity, capsysbinary, username=username, password=PASSWORD)
        assert line["detail"] == "invalid_credentials"
        assert "person" not in line


@pytest.fixture
async def member(identity: Identity) -> Person:
    made, _ = await identity.make_member()
    return made


async def test_sign_in_and_refresh_say_who_and_never_with_what(
    identity: Identity, capsysbinary: Captured, member: Person
) -> None:
    capsysbinary.readouterr()
    answer = await identity.sign_in(member)
    refreshed = (await identity.refresh(answer["refresh_token"])).json()
    output = capsysbinary.readouterr().out.decode()
    lines = [json.loads(line) for line in output.splitlines()]
    (signed_in,) = (line for line in lines if line["event"] == "signed_in")
    assert signed_in["person"] == str(member.id)
    for each in (answer, refreshed):
        assert each["access_token"] not in output
        assert each["refresh_token"] not in output
    assert PASSWORD not in output
    assert member.email.lower() not in output.lower()


async def test_programs_are_named_by_their_id_and_never_with_what(
    identity: Identity, capsysbinary: Captured
) -> None:
    account = await (await Owner.make(identity)).create()
    capsysbinary.readouterr()
    token = await account.token()
    await account.ask("pzs_nearly-right")
    form = {"grant_type": "client_credentials", "client_id": account.secret, "client_secret": "x"}
    await identity.token(**form)
    await account.post("/introspect", token=token)
    await account.post("/revoke", token=token)
    output = capsysbinary.readouterr().out.decode()
    lines = [json.loads(line) for line in output.splitlines()]
    (issued,) = (line for line in lines if line["event"] == "client_token_issued")
    wrong, unknown = (line for line in lines if line["event"] == "grant_refused")
    assert issued["client"] == wrong["client"] == account.id
    assert wrong["detail"] == unknown["detail"] == "invalid_client"
    assert "client" not in unknown
    for secret in (account.secret, token, "nearly-right"):
        assert secret not in output
