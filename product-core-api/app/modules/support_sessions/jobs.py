"""Mails to an organization's owners about support sessions, and the end of those that expire."""

from uuid import UUID

import structlog

from app.core.jobs import CoreWork, queue
from app.core.mail import send_mail
from app.modules.members import service as members
from app.modules.organizations import service as organizations
from app.modules.support_sessions import service
from app.modules.support_sessions.domain import End
from app.modules.support_sessions.schemas import SupportSessionRead

__all__ = [
    "MAIL_RECEIPT",
    "MAIL_STARTED",
    "end_expired_support_sessions",
    "mail_support_receipt",
    "mail_support_started",
    "send_support_receipt",
    "send_support_started",
]

MAIL_STARTED = "mail_support_started"
MAIL_RECEIPT = "mail_support_receipt"

_log = structlog.get_logger(__name__)


async def send_support_started(work: CoreWork) -> None:
    """Let each owner be told that support has entered, whether or not it is still there."""
    await _tell_each_owner(work, MAIL_STARTED)


async def send_support_receipt(work: CoreWork) -> None:
    """Let each owner be told that a support session is over."""
    await _tell_each_owner(work, MAIL_RECEIPT)


async def _tell_each_owner(work: CoreWork, kind: str) -> None:
    """A job for each mail, so that a failure repeats that mail alone; each of them once."""
    async with work.service() as tx:
        owners = await members.list_active_owners(tx, work.job.tenant_id)
        for owner in owners:
            arguments = {**work.job.arguments, "person_id": str(owner.person_id)}
            await queue.enqueue(tx, kind, tenant_id=work.job.tenant_id, **arguments)
        await queue.finish_with(tx, work.job)
    if not owners:
        _log.warning("organization_without_owner", tenant_id=str(work.job.tenant_id))


async def mail_support_started(work: CoreWork) -> None:
    """Tell one owner that support has entered. Raises JobFailed, JobRefused."""
    if (found := await _read(work)) is None:
        return
    to, organization, session = found
    await send_mail(
        work,
        "support_started",
        to=to,
        organization=organization,
        reason=session.reason,
        ticket=session.ticket,
        mode=session.mode,
        started_at=session.started_at,
        expires_at=session.expires_at,
        end_url=f"{work.context.settings.web_url}/support-sessions",
    )


async def mail_support_receipt(work: CoreWork) -> None:
    """Tell one owner that a support session is over. Raises JobFailed, JobRefused."""
    if (found := await _read(work)) is None:
        return
    to, organization, session = found
    await send_mail(
        work,
        "support_receipt",
        to=to,
        organization=organization,
        reason=session.reason,
        mode=session.mode,
        started_at=session.started_at,
        ended_at=session.ended_at or session.expires_at,
        ended_by=End(work.job.arguments["ended_by"]).said,
        log_url=f"{work.context.settings.web_url}/audit-log",
    )


async def end_expired_support_sessions(work: CoreWork) -> None:
    """End what nobody has ended in time, so that its receipt goes out."""
    async with work.service() as tx:
        await service.end_expired(tx)


async def _read(work: CoreWork) -> tuple[str, str, SupportSessionRead] | None:
    """Address, organization and session of one mail; None when it concerns its reader no more."""
    arguments = work.job.arguments
    async with work.tenant() as tx:
        owner = await members.get_active_owner(tx, UUID(arguments["person_id"]))
        session = await service.find_of_tenant(tx, UUID(arguments["session_id"]))
        organization = await organizations.get_own_organization(tx)
    return (owner.email, organization.name, session) if owner and session else None
