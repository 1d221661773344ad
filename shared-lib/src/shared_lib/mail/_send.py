"""What the job of a mail does: renders it and hands it over, under the job's own id."""

from typing import Any, Protocol, TypeVar

from shared_lib.jobs import JobFailed, JobRefused, Work
from shared_lib.mail._mail import Mail, Mailer, MailNotSent, MailRefused
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


Context = TypeVar("Context", bound=MailContext)


async def send_mail_of_job(
    work: Work[Context], templates: Templates, name: str, /, *, to: str, **values: Any
) -> None:
    """Send the mail `name` to the address `to`. One job sends one mail: they share their id.

    Raises JobRefused for a mail that is refused for good, JobFailed for one that may be repeated.
    """
    settings = work.context.settings
    subject, text, html = templates.render(
        name, product=settings.product_name, web_url=settings.web_url, **values
    )
    try:
        await work.context.mailer.send(Mail(work.job.id, to, subject, text, html))
    except MailRefused as error:
        raise JobRefused(str(error)) from None
    except MailNotSent as error:
        raise JobFailed(str(error)) from None
