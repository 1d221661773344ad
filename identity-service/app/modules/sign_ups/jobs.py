"""Mails what there is to mail for a sign-up, and deletes those whose time is over."""

from uuid import UUID

from app.core.jobs import IdentityWork
from app.core.mail import send_mail
from app.modules.sign_ups import service


async def send_sign_up(work: IdentityWork) -> None:
    """Mail the link, or that there is an account already. Raises JobFailed."""
    sign_up_id = UUID(work.job.arguments["sign_up_id"])
    settings = work.context.settings
    async with work.service() as tx:
        mail = await service.mail_of(tx, settings, sign_up_id)
    if mail is None:
        return
    if mail.link is None:
        sign_in_url = f"{settings.web_url}/sign-in"
        await send_mail(work, "already_registered", to=mail.to, sign_in_url=sign_in_url)
        return
    await send_mail(work, "verify_sign_up", to=mail.to, link=mail.link, expires_at=mail.expires_at)


async def delete_old_sign_ups(work: IdentityWork) -> None:
    """Delete sign-ups that nobody can complete any more, so many at a time."""
    more = True
    while more:
        async with work.service() as tx:
            more = await service.delete_expired(tx)
