"""The mails of the service: its templates, and the one way in which its jobs send them."""

from pathlib import Path
from typing import Any

from app.core.jobs import CoreWork
from shared_lib.mail import Templates, send_mail_of_job

__all__ = ["TEMPLATES", "send_mail"]

TEMPLATES = Templates(Path(__file__).parents[1] / "templates" / "mail")


async def send_mail(work: CoreWork, name: str, /, *, to: str, **values: Any) -> None:
    """Send the mail `name` of `app/templates/mail` to the address `to`, once for each job.

    `values` are what the templates use; instants are datetimes, what people wrote is a string. A
    repeat after a crash has the same Message-ID. Raises JobRefused when the mail is refused for
    good, JobFailed when it may be tried again.
    """
    await send_mail_of_job(work, TEMPLATES, name, to=to, **values)
