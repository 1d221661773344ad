"""What the worker mailed, and that it has nothing left to do."""

from datetime import UTC, datetime
from email.message import EmailMessage

from shared_lib.testing.mail import links_in, mails_in
from tests.conftest import Identity, eventually


def mails_to(identity: Identity, address: str) -> list[EmailMessage]:
    """The mails to one address, oldest first."""
    return mails_in(identity.settings.mail_directory, address)


def token_in(mail: EmailMessage) -> str:
    """The token of the link in a mail."""
    link = next(each for each in links_in(mail) if "#token=" in each)
    return link.partition("#token=")[2]


async def next_mail(identity: Identity, address: str, *, after: int = 0) -> EmailMessage:
    """The newest mail to an address, once there are more than `after`."""

    async def arrived() -> bool:
        return len(mails_to(identity, address)) > after

    await eventually(arrived)
    return mails_to(identity, address)[-1]


async def worker_is_idle(identity: Identity) -> None:
    """Wait until every job that is due is done; one that is held is none."""
    now = datetime.now(UTC)
    statement = "SELECT count(*) = 0 FROM jobs WHERE run_at <= $1 AND held_at IS NULL"
    await eventually(lambda: identity.admin.fetchval(statement, now))
