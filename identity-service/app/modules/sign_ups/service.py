"""The rules of sign-ups: an address first, a person when somebody has shown that it is his."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from fastapi import Request

from app.core.jobs import queue
from app.core.links import link_token, read_link_token
from app.core.process import Process
from app.core.settings import IdentitySettings
from app.core.throttle import throttle_request
from app.modules.people import service as people
from app.modules.sign_ups import repository
from app.modules.sign_ups.schemas import (
    SignedUpRead,
    SignUpAccepted,
    SignUpComplete,
    SignUpCreate,
    SignUpRow,
)
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError, FieldError, ValidationFailed
from shared_lib.ids import uuid7
from shared_lib.tenancy import ServiceTx, Tx, Unit

__all__ = [
    "LIFE",
    "SEND",
    "SignUpLinkInvalid",
    "SignUpMail",
    "accept",
    "complete",
    "delete_expired",
    "mail_of",
]

SEND = "send_sign_up"
"""The kind of the job that mails what there is to mail."""
LIFE = timedelta(hours=24)
_PURPOSE = "sign-up"
_BATCH = 500


class SignUpLinkInvalid(ApiError):
    """The link was used, has expired, or is not one of ours: nobody is told which."""

    code = "sign_up_link_invalid"
    status = 404
    title = "This link is not valid any more: sign up again"


@dataclass(frozen=True, slots=True)
class SignUpMail:
    """What is mailed. `link` is None where the address has an account already."""

    to: str
    link: str | None
    expires_at: datetime


async def accept(
    process: Process, request: Request, unit: Unit[Tx], create: SignUpCreate
) -> SignUpAccepted:
    """Take an address. Whether anybody has it is looked up by the job, so nothing here tells.

    Raises TooManyAttempts.
    """
    async with throttle_request(process, request, create.email) as may_mail:
        if may_mail:
            now, sign_up_id = utc_now(), uuid7()
            async with unit.transaction() as tx:
                await repository.insert_sign_up(
                    tx,
                    sign_up_id,
                    email=create.email,
                    name=create.name,
                    now=now,
                    expires_at=now + LIFE,
                )
                await queue.enqueue(tx, SEND, sign_up_id=str(sign_up_id))
    return SignUpAccepted()


async def mail_of(tx: ServiceTx, settings: IdentitySettings, sign_up_id: UUID) -> SignUpMail | None:
    """What to mail for a sign-up; None when its time is over."""
    sign_up = await repository.get_sign_up(tx, sign_up_id)
    if sign_up is None or not sign_up.is_open(utc_now()):
        return None
    known = await people.find_addressee(tx, sign_up.email)
    if known is not None:
        return SignUpMail(known.email, None, sign_up.expires_at)
    token = link_token(settings, _PURPOSE, sign_up_id)
    link = f"{settings.web_url}/sign-up#token={token}"
    return SignUpMail(sign_up.email, link, sign_up.expires_at)


async def complete(process: Process, unit: Unit[Tx], complete: SignUpComplete) -> SignedUpRead:
    """Make the person. Raises SignUpLinkInvalid, PasswordTooWeak, EmailTaken or SignInBusy."""
    sign_up_id = read_link_token(process.settings, _PURPOSE, complete.token.get_secret_value())
    if sign_up_id is None:
        raise SignUpLinkInvalid
    async with unit.transaction() as tx:
        sign_up = _open(await repository.get_sign_up(tx, sign_up_id))
    name = complete.name or sign_up.name
    if name is None:
        raise ValidationFailed(errors=[FieldError("body.name", "missing", "Field required")])
    password = complete.password.get_secret_value()
    people.check_password(password, sign_up.email)
    # No transaction is open while the hash is computed.
    password_hash = await process.passwords.hash(password)
    async with unit.transaction() as tx:
        sign_up = _open(await repository.lock_sign_up(tx, sign_up_id))
        person = await people.create_person(
            tx, email=sign_up.email, name=name, password_hash=password_hash
        )
        await repository.use_sign_up(tx, sign_up_id, utc_now())
    return SignedUpRead(person.id, person.email, person.name)


async def delete_expired(tx: ServiceTx) -> bool:
    """Delete some sign-ups whose time is over; whether there may be more."""
    return await repository.delete_expired(tx, utc_now(), _BATCH) == _BATCH


def _open(sign_up: SignUpRow | None) -> SignUpRow:
    if sign_up is None or not sign_up.is_open(utc_now()):
        raise SignUpLinkInvalid
    return sign_up
