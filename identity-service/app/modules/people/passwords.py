"""How a password takes the place of another: by its person, or by whoever holds his mail."""

from uuid import UUID

from app.core.jobs import queue
from app.core.process import Process
from app.core.throttle import admit_sign_in
from app.modules.people import repository, service
from app.modules.people.schemas import Candidate, PasswordChange
from app.modules.revocations import service as revocations
from app.modules.sessions import ending
from app.modules.sessions import service as sessions
from app.modules.sessions.schemas import EndReason
from shared_lib.audit import PLATFORM, AuditEvent
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError, TokenRevoked
from shared_lib.tenancy import Tx, Unit, UserTx

SEND_CHANGED = "send_password_changed"
"""The kind of the job that mails that the password was changed."""


class CurrentPasswordWrong(ApiError):
    """Whoever holds a session does not yet own the account: he knows its password as well."""

    code = "current_password_wrong"
    status = 403
    title = "The current password is wrong"


async def change_password(process: Process, unit: Unit[UserTx], change: PasswordChange) -> None:
    """Replace the caller's password; his other sessions end (OWASP ASVS 6.2.2, 6.2.3, 7.4.3).

    Raises CurrentPasswordWrong, PasswordTooWeak, SignInBusy or TooManyAttempts.
    """
    async with unit.transaction() as tx:
        profile = await service.get_profile(tx)
        candidate = await repository.get_candidate(tx, profile.id)
        session_id = _session_of(tx)
    new = change.new_password.get_secret_value()
    service.check_password(new, profile.email, field="body.new_password")
    current = change.current_password.get_secret_value()
    known = await _check_current(process, unit, profile.email, candidate, current)
    # No transaction is open while hashes are computed.
    password_hash = await process.passwords.hash(new)
    async with unit.transaction() as tx:
        standing = await service.lock_standing(tx, profile.id)
        if standing is None or standing.password_changed_at != known.password_changed_at:
            raise CurrentPasswordWrong  # somebody was faster
        await _replace(tx, profile.id, password_hash)
        reason = EndReason.PASSWORD_CHANGED
        await ending.end_others(tx, profile.id, session_id, reason)
        await tx.record(AuditEvent("people.change_password", str(profile.id)), tenant_id=PLATFORM)


async def reset_password(tx: Tx, person_id: UUID, password_hash: str) -> None:
    """Replace the password of who has shown that the address is his, and sign him out everywhere.

    The person is locked by the caller.
    """
    await _replace(tx, person_id, password_hash)
    not_before = await repository.shut_out(tx, person_id, utc_now())
    await ending.end_all(tx, person_id, EndReason.PASSWORD_RESET)
    await revocations.revoke_person(tx, person_id, not_before)
    event = AuditEvent("people.reset_password", str(person_id), person_id=person_id)
    await tx.record(event, tenant_id=PLATFORM)


async def _check_current(
    process: Process,
    unit: Unit[UserTx],
    email: str,
    candidate: Candidate | None,
    password: str,
) -> Candidate:
    """Who has shown that he knows the password. Raises CurrentPasswordWrong.

    Whoever guesses here is slowed down as one who guesses at sign-in, and together with him.
    """

    async def known_addresses() -> list[str]:
        async with unit.transaction() as tx:
            return await sessions.list_recent_addresses(tx, unit.caller.actor_id)

    attempt = await admit_sign_in(process.limiter, email, unit.caller.client_ip, known_addresses)
    try:
        stored = candidate.password_hash if candidate else None
        checked = await process.passwords.check(stored, password)
    except BaseException:
        await attempt.withdraw()
        raise
    if candidate is None or not checked.matches:
        raise CurrentPasswordWrong
    await attempt.succeeded()
    return candidate


async def _replace(tx: Tx, person_id: UUID, password_hash: str) -> None:
    now = utc_now()
    await repository.replace_password(tx, person_id, password_hash, now)
    await queue.enqueue(tx, SEND_CHANGED, person_id=str(person_id), changed_at=now.isoformat())


def _session_of(tx: UserTx) -> UUID:
    """The caller's session. Raises TokenRevoked for who has none, who is never admitted."""
    token = tx.caller.token
    if token is None or token.sid is None:
        raise TokenRevoked
    return token.sid
