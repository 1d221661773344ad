"""Tells a person by mail what happened to his account."""

from datetime import datetime
from uuid import UUID

from app.core.jobs import IdentityWork
from app.core.mail import send_mail
from app.modules.people import service


async def send_password_changed(work: IdentityWork) -> None:
    """Mail that the password was changed (OWASP ASVS 6.3.7). Raises JobFailed."""
    arguments = work.job.arguments
    async with work.service() as tx:
        person = await service.get_addressee(tx, UUID(arguments["person_id"]))
    if person is not None:
        changed_at = datetime.fromisoformat(arguments["changed_at"])
        await send_mail(work, "password_changed", to=person.email, changed_at=changed_at)
