"""Mails the links of password resets, and deletes resets whose time is over."""

from uuid import UUID

from app.core.jobs import IdentityWork
from app.core.mail import send_mail
from app.modules.password_resets import service


async def send_password_reset(work: IdentityWork) -> None:
    """Mail the link, if there is somebody to mail it to. Raises JobFailed."""
    reset_id = UUID(work.job.arguments["reset_id"])
    async with work.service() as tx:
        mail = await service.mail_of(tx, work.context.settings, reset_id)
    if mail is not None:
        await send_mail(
            work, "reset_password", to=mail.to, link=mail.link, expires_at=mail.expires_at
        )


async def delete_old_password_resets(work: IdentityWork) -> None:
    """Delete resets that nobody can complete any more, so many at a time."""
    more = True
    while more:
        async with work.service() as tx:
            more = await service.delete_expired(tx)
