"""The rules of people."""

from dataclasses import replace
from uuid import UUID

from app.modules.memberships import service as memberships
from app.modules.people import repository
from app.modules.people.domain import LONGEST, SHORTEST, Weakness, weakness_of
from app.modules.people.schemas import (
    Addressee,
    Candidate,
    MeRead,
    MeUpdate,
    Profile,
    Standing,
)
from shared_lib.audit import PLATFORM, AuditEvent
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError, FieldError, TokenRevoked
from shared_lib.ids import uuid7
from shared_lib.tenancy import ServiceTx, Tx, UserTx

__all__ = [
    "EmailTaken",
    "PasswordTooWeak",
    "check_password",
    "create_person",
    "exists",
    "find_addressee",
    "find_candidate",
    "get_addressee",
    "get_me",
    "get_profile",
    "is_active",
    "is_known",
    "lock_standing",
    "remember_tenant",
    "renew_hash",
    "update_me",
]


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
    event = AuditEvent("people.create", str(profile.id), person_id=profile.id)
    await tx.record(event, tenant_id=PLATFORM)
    return profile


async def exists(tx: Tx, person_id: UUID) -> bool:
    """Whether there is such a person."""
    return await repository.exists(tx, person_id)


async def is_active(tx: Tx, person_id: UUID) -> bool:
    """Whether a person may act at all."""
    return await repository.is_active(tx, person_id)


async def is_known(tx: Tx, email: str) -> bool:
    """Whether somebody has this address. Nothing that a stranger sees may depend on it."""
    return await repository.is_known(tx, email)


async def get_me(tx: UserTx) -> MeRead:
    """The person who calls and all organizations that he belongs to."""
    profile = await get_profile(tx)
    token = tx.caller.token
    return MeRead(
        id=profile.id,
        email=profile.email,
        name=profile.name,
        verified=profile.verified,
        platform_role=profile.platform_role,
        tenant_id=token.tenant_id if token else None,
        role=token.role if token else None,
        memberships=await memberships.list_memberships(tx, profile.id),
    )


async def get_profile(tx: UserTx) -> Profile:
    """The person who calls."""
    token = tx.caller.token
    profile = await repository.get_profile(tx, token.sub) if token else None
    if profile is None:
        raise TokenRevoked
    return profile


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


async def find_addressee(tx: ServiceTx, email: str) -> Addressee | None:
    """Who has this address. Nothing that a stranger sees may depend on it."""
    return await repository.find_addressee(tx, email)


async def get_addressee(tx: Tx, person_id: UUID) -> Addressee | None:
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
