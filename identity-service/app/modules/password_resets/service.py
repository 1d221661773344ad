"""The rules of password resets: a link by mail, good within the hour, until the password changes.

Older links stay good beside newer ones: all lie in the mailbox of the person, and whoever asks for
more of them must not spoil the one that he is about to use.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from fastapi import Request

from app.core.database import transaction_of
from app.core.jobs import queue
from app.core.links import link_token, read_link_token
from app.core.process import Process
from app.core.settings import IdentitySettings
from app.core.throttle import throttle_request
from app.modules.password_resets import repository
from app.modules.password_resets.schemas import (
    PasswordResetAccepted,
    PasswordResetComplete,
    PasswordResetCreate,
    PasswordResetRow,
)
from app.modules.people import passwords
from app.modules.people import service as people
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError
from shared_lib.ids import uuid7
from shared_lib.tenancy import ServiceTx, Tx, Unit

__all__ = [
    "LIFE",
    "SEND",
    "PasswordResetLinkInvalid",
    "PasswordResetMail",
    "accept",
    "complete",
    "delete_expired",
    "list_addresses",
    "mail_of",
]

SEND = "send_password_reset"
"""The kind of the job that mails the link, if there is somebody to mail it to."""
LIFE = timedelta(hours=1)
_PURPOSE = "password-reset"
_BATCH = 500


class PasswordResetLinkInvalid(ApiError):
    """The link was used, has expired, is older than the password, or is none: not told which."""

    code = "password_reset_link_invalid"
    status = 404
    title = "This link is not valid any more: ask for another one"


@dataclass(frozen=True, slots=True)
class PasswordResetMail:
    """What is mailed."""

    to: str
    link: str
    expires_at: datetime


async def accept(
    process: Process, request: Request, unit: Unit[Tx], create: PasswordResetCreate
) -> PasswordResetAccepted:
    """Take an address. Whether anybody has it is looked up by the job, so nothing here tells.

    Raises TooManyAttempts.
    """
    async with throttle_request(process, request, create.email) as may_mail:
        if may_mail:
            now, reset_id = utc_now(), uuid7()
            async with unit.transaction() as tx:
                await repository.insert_reset(
                    tx, reset_id, email=create.email, now=now, expires_at=now + LIFE
                )
                await queue.enqueue(tx, SEND, reset_id=str(reset_id))
    return PasswordResetAccepted()


async def mail_of(
    tx: ServiceTx, settings: IdentitySettings, reset_id: UUID
) -> PasswordResetMail | None:
    """What to mail for a reset: None when its time is over, or when the address is no active
    person's.
    """
    reset = await repository.get_reset(tx, reset_id)
    if reset is None or not reset.is_open(utc_now()):
        return None
    person = await people.find_addressee(tx, reset.email)
    if person is None or not person.active:
        return None
    await repository.mark_mailed(tx, reset_id, person.id)
    token = link_token(settings, _PURPOSE, reset_id)
    link = f"{settings.web_url}/password-reset#token={token}"
    return PasswordResetMail(person.email, link, reset.expires_at)


async def complete(process: Process, unit: Unit[Tx], complete: PasswordResetComplete) -> None:
    """Replace the password and sign the person out everywhere (OWASP ASVS 7.4.3).

    Raises PasswordResetLinkInvalid, PasswordTooWeak or SignInBusy.
    """
    reset_id = read_link_token(process.settings, _PURPOSE, complete.token.get_secret_value())
    if reset_id is None:
        raise PasswordResetLinkInvalid
    async with unit.transaction() as tx:
        _, person_id = _open(await repository.get_reset(tx, reset_id))
        person = await people.get_addressee(tx, person_id)
    if person is None:
        raise PasswordResetLinkInvalid
    password = complete.password.get_secret_value()
    people.check_password(password, person.email)
    # No transaction is open while the hash is computed.
    password_hash = await process.passwords.hash(password)
    async with transaction_of(unit, person_id) as tx:
        # The person before the rest, as whoever shuts him out locks them.
        standing = await people.lock_standing(tx, person_id)
        reset, _ = _open(await repository.lock_reset(tx, reset_id))
        if standing is None or standing.password_changed_since(reset.created_at):
            raise PasswordResetLinkInvalid
        await repository.use_reset(tx, reset_id, tx.caller.client_ip, utc_now())
        await passwords.reset_password(tx, person_id, password_hash)


async def list_addresses(tx: Tx, person_id: UUID | None) -> list[str]:
    """Each client address from which the person has proved, by mail, who he is lately."""
    return await repository.list_used_from(tx, person_id)


async def delete_expired(tx: ServiceTx) -> bool:
    """Delete some resets whose time is over; whether there may be more."""
    return await repository.delete_expired(tx, utc_now(), _BATCH) == _BATCH


def _open(reset: PasswordResetRow | None) -> tuple[PasswordResetRow, UUID]:
    """A reset whose link still counts, and whose it is. Raises PasswordResetLinkInvalid."""
    if reset is None or reset.person_id is None or not reset.is_open(utc_now()):
        raise PasswordResetLinkInvalid
    return reset, reset.person_id
