"""What the worker mailed and told the core, and that it has nothing left to do."""

from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any
from uuid import UUID

from shared_lib.testing.mail import links_in, mails_in
from tests.conftest import CoreReceiver, Identity, eventually
from tests.team import told


def mails_to(identity: Identity, address: str) -> list[EmailMessage]:
    """The mails to one address, however it is spelled, oldest first."""
    mails = mails_in(identity.settings.mail_directory)
    return [mail for mail in mails if mail["To"].lower() == address.lower()]


def token_in(mail: EmailMessage) -> str:
    """The token of the link in a mail."""
    (token,) = _tokens_in(mail)
    return token


def tokens_to(identity: Identity, address: str) -> list[str]:
    """The tokens of all links that were mailed to one address, oldest first."""
    return [token for mail in mails_to(identity, address) for token in _tokens_in(mail)]


def _tokens_in(mail: EmailMessage) -> list[str]:
    links = (each.partition("#token=") for each in links_in(mail))
    return [token for _, found, token in links if found]


async def next_token(identity: Identity, address: str, *, after: int = 0) -> str:
    """The token of the newest link that was mailed, once there are more than `after`."""

    async def arrived() -> bool:
        return len(tokens_to(identity, address)) > after

    await eventually(arrived)
    return tokens_to(identity, address)[-1]


async def next_mail(identity: Identity, address: str, *, after: int = 0) -> EmailMessage:
    """The newest mail to an address, once there are more than `after`."""

    async def arrived() -> bool:
        return len(mails_to(identity, address)) > after

    await eventually(arrived)
    return mails_to(identity, address)[-1]


async def worker_is_idle(identity: Identity) -> None:
    """Wait until every job that is due or begun is done; one that is held is neither."""
    now = datetime.now(UTC)
    # Whoever claims a job moves its `run_at` into the future: that it was tried tells it from one
    # that is for later.
    statement = """
        SELECT count(*) = 0 FROM jobs
        WHERE created_at <= $1 AND (run_at <= $1 OR attempts > 0) AND held_at IS NULL
    """
    await eventually(lambda: identity.admin.fetchval(statement, now))


def security_events(core: CoreReceiver, action: str, resource_id: str) -> list[dict[str, Any]]:
    """The security events of one action about one thing that the core was told, each once."""
    events = {
        event["id"]: event
        for request in list(core.received)
        for event in request.body.get("events", [])
        if (event["action"], event["resource_id"]) == (action, resource_id)
    }
    return list(events.values())


async def security_event(core: CoreReceiver, action: str, resource_id: str) -> dict[str, Any]:
    """The one such event, once the core has been told."""

    async def arrived() -> bool:
        return bool(security_events(core, action, resource_id))

    await eventually(arrived)
    (event,) = security_events(core, action, resource_id)
    return event


async def security_outcomes(
    core: CoreReceiver, action: str, resource_id: str, expected: int
) -> list[tuple[str, str | None]]:
    """Outcome and code of all such events, sorted, once the core has been told of as many."""

    async def arrived() -> bool:
        return len(security_events(core, action, resource_id)) >= expected

    await eventually(arrived)
    events = security_events(core, action, resource_id)
    return sorted((event["outcome"], event["code"]) for event in events)


async def core_knows(core: CoreReceiver, tenant_id: UUID, person_id: UUID, **expected: Any) -> None:
    """Wait until the last that the core was told about a member is `expected`, among other things.

    The last is the one with the highest version: facts may overtake each other.
    """

    async def known() -> bool:
        facts = told(core, tenant_id, person_id)
        last = max(facts, key=lambda fact: int(fact["version"]), default={})
        return expected.items() <= last.items()

    await eventually(known)
