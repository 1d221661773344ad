"""Tells a person that a refresh token of his was used twice; deletes sessions long over."""

from uuid import UUID

from app.core.jobs import IdentityWork
from app.core.mail import send_mail
from app.modules.people import service as people
from app.modules.sessions import ending


async def send_session_theft(work: IdentityWork) -> None:
    """Mail whose session it was. Raises JobFailed."""
    session_id = UUID(work.job.arguments["session_id"])
    async with work.service() as tx:
        ended = await ending.get_ended(tx, session_id)
        person = await people.get_addressee(tx, ended.person_id) if ended else None
    if ended is None or person is None or not person.active:
        return
    await send_mail(
        work,
        "session_theft",
        to=person.email,
        signed_in_at=ended.auth_time,
        ended_at=ended.ended_at,
    )


async def delete_old_sessions(work: IdentityWork) -> None:
    """Delete what ended longer ago than sessions are kept, so many at a time."""
    more = True
    while more:
        async with work.service() as tx:
            more = await ending.delete_old(tx, work.context.settings)
