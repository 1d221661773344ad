"""The rules of people."""

from dataclasses import replace
from uuid import UUID

from app.core.jobs import queue
from app.core.process import Process
from app.modules.memberships import service as memberships
from app.modules.people import repository
from app.modules.people.domain import LONGEST, SHORTEST, Weakness, weakness_of
from app.modules.people.schemas import (
    Addressee,
    Candidate,
    MeRead,
    MeUpdate,
    PasswordChange,
    Profile,
    Standing,
)
from app.modules.revocations import service as revocations
from app.modules.security_events import service as security_events
from app.modules.sessions import service as sessions
from shared_lib.audit import AuditEvent
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError, FieldError, TokenRevoked
from shared_lib.ids import uuid7
from shared_lib.tenancy import ServiceTx, Tx, Unit, UserTx

__all__ = [
    "SEND_PASSWORD_CHANGED",
    "CurrentPasswordWrong",
    "EmailTaken",
    "PasswordTooWeak",
    "change_password",
    "check_password",
    "create_person",
    "find_addressee",
    "find_candidate",
    "get_addressee",
    "get_me",
    "get_profile",
    "is_known",
    "lock_standing",
    "remember_tenant",
    "renew_hash",
    "reset_password",
    "update_me",
]

SEND_PASSWORD_CHANGED = "send_password_changed"  # noqa: S105
"""The kind of the job that mails that the password was changed."""

_WEAKNESSES = {
    Weakness.TOO_SHORT: f"Use at least {SHORTEST} characters; 15 or more are better",
    Weakness.TOO_LONG: f"Use at most {LONGEST} characters",
    Weakness.TOO_COMMON: "This password is easily guessed; several unrelated words are better",
}


class EmailTaken(ApiError):
    """Somebody has this address. Told only to who has shown that the address is his."""

    code = "email_taken"
    status = 409
    title = "There is an account with this address already"


class PasswordTooWeak(ApiError):
    """The password may not be chosen; `errors` says why."""

    code = "password_too_weak"
    status = 422
    title = "Choose another password"


class CurrentPasswordWrong(ApiError):
    """Whoever holds a session does not yet own the account: he knows its password as well."""

    code = "current_password_wrong"
    status = 403
    title = "The current password is wrong"


def check_password(password: str, email: str, *, field: str = "body.password") -> None:
    """Refuse a password that may not be chosen for `email`. Raises PasswordTooWeak.

    `field` is where it stands in the request.
    """
    weakness = weakness_of(password, email)
    if weakness is not None:
        raise PasswordTooWeak(errors=[FieldError(field, weakness, _WEAKNESSES[weakness])])


async def create_person(
    tx: Tx, *, email: str, name: str, password_hash: str, person_id: UUID | None = None
) -> Profile:
    """Make a person who has shown that the address is his, with a password. Raises EmailTaken.

    `person_id` for a caller that has announced it (`app.current_person`) before.
    """
    profile = await repository.insert_person(
        tx,
        person_id or uuid7(),
        email=email,
        name=name,
        password_hash=password_hash,
        now=utc_now(),
    )
    if profile is None:
        raise EmailTaken
    return profile


async def is_known(tx: Tx, email: str) -> bool:
    """Whether somebody has this address. Nothing that a stranger sees may depend on it."""
    return await repository.is_known(tx, email)


async def get_me(tx: UserTx) -> MeRead:
    """The person who calls and all organizations that he belongs to."""
    token = tx.caller.token
    profile = await repository.get_profile(tx, token.sub) if token else None
    if token is None or profile is None:
        raise TokenRevoked
    return MeRead(
        id=profile.id,
        email=profile.email,
        name=profile.name,
        verified=profile.verified,
        platform_role=profile.platform_role,
        tenant_id=token.tenant_id,
        role=token.role,
        memberships=await memberships.list_memberships(tx, profile.id),
    )


async def find_candidate(tx: Tx, email: str) -> Candidate | None:
    """Whose password is to be compared: an active person who has one."""
    return await repository.find_candidate(tx, email)


async def lock_standing(tx: Tx, person_id: UUID) -> Standing | None:
    """What decides about a person's tokens, until the transaction ends; None when inactive."""
    standing = await repository.lock_standing(tx, person_id)
    return standing if standing and standing.active else None


async def remember_tenant(tx: Tx, standing: Standing, tenant_id: UUID | None) -> None:
    """Make an organization the default of the next sign-in, unless it is already."""
    if tenant_id is not None and tenant_id != standing.last_tenant_id:
        await repository.remember_tenant(tx, standing.id, tenant_id, utc_now())


async def renew_hash(tx: Tx, person_id: UUID, password_hash: str) -> None:
    """Keep a password under the present parameters of the hash."""
    await repository.replace_hash(tx, person_id, password_hash, utc_now())


async def get_profile(tx: Tx, person_id: UUID) -> Profile:
    """A person's own data. Raises TokenRevoked when there is no such person."""
    profile = await repository.get_profile(tx, person_id)
    if profile is None:
        raise TokenRevoked
    return profile


async def find_addressee(tx: ServiceTx, email: str) -> Addressee | None:
    """Who has this address. Nothing that a stranger sees may depend on it."""
    return await repository.find_addressee(tx, email)


async def get_addressee(tx: ServiceTx, person_id: UUID) -> Addressee | None:
    """Where mail for a person goes."""
    return await repository.get_addressee(tx, person_id)


async def update_me(tx: UserTx, update: MeUpdate) -> MeRead:
    """Change the caller's profile; his organizations are told by a job."""
    before = await get_me(tx)
    changes = update.changes()  # T20
    if not changes or changes["name"] == before.name:
        return before
    await repository.rename(tx, before.id, changes["name"], utc_now())
    await memberships.person_changed(tx, before.id)
    return replace(before, name=changes["name"])


async def change_password(process: Process, unit: Unit[UserTx], change: PasswordChange) -> None:
    """Replace the caller's password; his other sessions end (OWASP ASVS 6.2.2, 6.2.3, 7.4.3).

    Raises CurrentPasswordWrong, PasswordTooWeak or SignInBusy.
    """
    async with unit.transaction() as tx:
        person_id, session_id = _signed_in(tx)
        profile = await get_profile(tx, person_id)
        standing = await lock_standing(tx, person_id)
    new = change.new_password.get_secret_value()
    check_password(new, profile.email, field="body.new_password")
    stored = standing.password_hash if standing else None
    # No transaction is open while hashes are computed.
    checked = await process.passwords.check(stored, change.current_password.get_secret_value())
    if not checked.matches:
        raise CurrentPasswordWrong
    password_hash = await process.passwords.hash(new)
    async with unit.transaction() as tx:
        standing = await lock_standing(tx, person_id)
        if standing is None or standing.password_hash != stored:
            raise CurrentPasswordWrong  # somebody was faster
        await _replace_password(tx, person_id, password_hash)
        await sessions.end_others(tx, person_id, session_id, sessions.EndReason.PASSWORD_CHANGED)
        await security_events.record(tx, AuditEvent("people.change_password", str(person_id)))


async def reset_password(tx: Tx, person_id: UUID, password_hash: str) -> None:
    """Replace the password of who has shown that the address is his, and sign him out everywhere.

    The person is locked by the caller.
    """
    now = utc_now()
    await _replace_password(tx, person_id, password_hash)
    await repository.shut_out(tx, person_id, now)
    await sessions.end_all(tx, person_id, sessions.EndReason.PASSWORD_RESET)
    await revocations.revoke_person(tx, person_id, now)
    event = AuditEvent("people.reset_password", str(person_id))
    await security_events.record(tx, event, person_id=person_id)


async def _replace_password(tx: Tx, person_id: UUID, password_hash: str) -> None:
    now = utc_now()
    await repository.replace_password(tx, person_id, password_hash, now)
    await queue.enqueue(
        tx, SEND_PASSWORD_CHANGED, person_id=str(person_id), changed_at=now.isoformat()
    )


def _signed_in(tx: UserTx) -> tuple[UUID, UUID]:
    """Who calls, and his session. Raises TokenRevoked for who is nobody, who is never admitted."""
    token = tx.caller.token
    if token is None or token.sid is None:
        raise TokenRevoked
    return token.sub, token.sid
