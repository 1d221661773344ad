"""What the job of a mail does: renders it and hands it over, under the job's own id."""

from typing import Any, Protocol, TypeVar

import structlog

from shared_lib.jobs import JobFailed, JobRefused, Work
from shared_lib.mail._mail import AddressRefused, Mail, Mailer, MailNotSent, MailRefused
from shared_lib.mail._settings import MailSettings
from shared_lib.mail._templates import Templates


class MailContext(Protocol):
    """What a worker's context has for its mails."""

    @property
    def settings(self) -> MailSettings:
        """Who sends, and what mails link to."""

    @property
    def mailer(self) -> Mailer:
        """Who delivers."""


_log = structlog.get_logger(__name__)

Context = TypeVar("Context", bound=MailContext)


async def send_mail_of_job(
    work: Work[Context], templates: Templates, name: str, /, *, to: str, **values: Any
) -> None:
    """Send the mail `name` to the address `to`. One job sends one mail: they share their id.

    An address that nobody receives mail at ends the job with a line in the log: anybody can ask for
    a mail to one, and nobody here can mend it. Raises JobRefused for a mail that is refused for
    good otherwise, JobFailed for one that may be repeated.
    """
    settings = work.context.settings
    subject, text, html = templates.render(
        name, product=settings.product_name, web_url=settings.web_url, **values
    )
    try:
        await work.context.mailer.send(Mail(work.job.id, to, subject, text, html))
    except AddressRefused as error:
        _log.warning("mail_address_refused", mail_id=str(work.job.id), reason=str(error))
    except MailRefused as error:
        raise JobRefused(str(error)) from None
    except MailNotSent as error:
        raise JobFailed(str(error)) from None
