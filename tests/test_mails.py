"""Mails of the running system: they land in a directory, once each, and no log names a reader."""

from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from shared_lib.testing.mail import mails_in, text_of
from tests.conftest import MakeSystem
from tests.people import REASON, Caller, sign_in
from tests.system import System, eventually

pytestmark = pytest.mark.database

OWNER = "owner@acme.example.com"


@pytest.fixture(scope="module")
def mailing(make_system: MakeSystem) -> Iterator[System]:
    """A system whose mails and workers no other test touches."""
    system = make_system()
    yield system
    for process in system.processes:
        assert process.log.leaks([OWNER]) == [], process.log.path


@pytest.fixture
def agent(mailing: System) -> Caller:
    return sign_in(mailing, "support@numbersence.com")


def start(agent: Caller, mark: str) -> str:
    """Enter Acme for a reason that its mails are found by; the session's id."""
    session = agent.impersonate(reason=f"{REASON} ({mark})")
    return str(session.claims["support"]["id"])


def about(system: System, mark: str) -> list[EmailMessage]:
    directory = system.configuration.data / "mail"
    return [mail for mail in mails_in(directory) if f"({mark})" in text_of(mail)]


def subjects(system: System, mark: str) -> list[str]:
    return [str(mail["Subject"]) for mail in about(system, mark)]


STARTED = "Phase Zero: support has entered “Acme”"
RECEIPT = "Phase Zero: support has left “Acme”"


def test_owners_are_told_when_support_enters_and_when_it_leaves(
    mailing: System, agent: Caller
) -> None:
    session_id = start(agent, "first")
    eventually("the owner is told", lambda: subjects(mailing, "first") == [STARTED])
    path = f"/org/support-sessions/{session_id}"
    assert sign_in(mailing, OWNER).core("DELETE", path).status_code == 204
    eventually("the owner has a receipt", lambda: subjects(mailing, "first") == [STARTED, RECEIPT])
    mails = about(mailing, "first")
    assert {str(mail["To"]) for mail in mails} == {OWNER}
    assert "your organization" in text_of(mails[1])
    assert all(mail["Auto-Submitted"] == "auto-generated" for mail in mails)


def test_mails_wait_for_a_worker_that_was_killed(mailing: System, agent: Caller) -> None:
    """Also when the session is over before the first of them goes out."""
    mailing.core_worker.kill()
    session_id = start(agent, "second")
    assert agent.core("DELETE", f"/support/impersonate/{session_id}").status_code == 204
    mailing.core.kill()
    assert subjects(mailing, "second") == []
    mailing.core.up()
    mailing.core_worker.up()
    told = sorted([STARTED, RECEIPT])
    eventually("the owner is told", lambda: sorted(subjects(mailing, "second")) == told)
    jobs = "SELECT count(*) FROM jobs WHERE kind LIKE '%support%'"
    eventually("nothing waits", lambda: mailing.sql("product", jobs)[0]["count"] == 0)
    assert sorted(subjects(mailing, "second")) == told
