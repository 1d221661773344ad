"""All SQL about people and their credentials."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, func, literal, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.types import DateTime

from app.modules.people.models import Credential, Person
from app.modules.people.schemas import (
    PLATFORM_ADMIN,
    Addressee,
    Candidate,
    PersonRead,
    Profile,
    Standing,
)
from shared_lib.tables import Statement
from shared_lib.tenancy import NewestFirst, PlatformTx, Tx
from shared_lib.web import Listing, PageRequest

_THIS = Person.id == bindparam("person_id", type_=Uuid)
_NOW = bindparam("now", type_=DateTime(timezone=True))

_CANDIDATE = select(Person.id, Credential.password_hash, Person.password_changed_at).join(
    Credential, Credential.person_id == Person.id
)
_FIND_CANDIDATE = Statement(
    _CANDIDATE.where(Person.email_normalized == func.lower(bindparam("email", type_=Text))).where(
        Person.active
    ),
    Candidate,
)
_GET_CANDIDATE = Statement(_CANDIDATE.where(_THIS, Person.active), Candidate)
# Locked, so that somebody who is being shut out does not sign in at the same moment. Nothing is
# joined: whoever waits for the lock reads this row anew, and of any other what it was before.
_LOCK_STANDING = Statement(
    select(
        Person.id,
        Person.active,
        Person.verified_at.is_not(None),
        Person.platform_role,
        Person.last_tenant_id,
        Person.tokens_not_before,
        Person.password_changed_at,
    )
    .where(_THIS)
    .with_for_update(key_share=True),
    Standing,
)
_PROFILE = (
    Person.id,
    Person.email,
    Person.name,
    Person.verified_at.is_not(None),
    Person.platform_role,
)
_GET_PROFILE = Statement(select(*_PROFILE).where(_THIS), Profile)
_IS_KNOWN = Statement(
    select(true()).where(Person.email_normalized == func.lower(bindparam("email", type_=Text))),
    bool,
)
_EXISTS = Statement(select(true()).where(_THIS), bool)
_IS_ACTIVE = Statement(select(true()).where(_THIS, Person.active), bool)
_INSERT_PERSON = Statement(
    insert(Person)
    .values(
        id=bindparam("id", type_=Uuid),
        email=bindparam("email", type_=Text),
        name=bindparam("name", type_=Text),
        verified_at=_NOW,
        created_at=_NOW,
        updated_at=_NOW,
    )
    .on_conflict_do_nothing(index_elements=[Person.email_normalized])
    .returning(*_PROFILE),
    Profile,
)
_INSERT_CREDENTIAL: Statement[Any] = Statement(
    insert(Credential).values(
        person_id=bindparam("person", type_=Uuid),
        password_hash=bindparam("password_hash", type_=Text),
        updated_at=_NOW,
    )
)
_REMEMBER_TENANT: Statement[Any] = Statement(
    update(Person)
    .where(_THIS)
    .values(last_tenant_id=bindparam("last_tenant_id", type_=Uuid), updated_at=_NOW)
)
_REPLACE_HASH: Statement[Any] = Statement(
    update(Credential)
    .where(Credential.person_id == bindparam("person_id", type_=Uuid))
    .values(password_hash=bindparam("password_hash", type_=Text), updated_at=_NOW)
)
_RENAME: Statement[Any] = Statement(
    update(Person).where(_THIS).values(name=bindparam("name", type_=Text), updated_at=_NOW)
)
_REPLACE_PASSWORD: Statement[Any] = Statement(
    insert(Credential)
    .values(
        person_id=bindparam("person_id", type_=Uuid),
        password_hash=bindparam("password_hash", type_=Text),
        updated_at=_NOW,
    )
    .on_conflict_do_update(
        index_elements=[Credential.person_id],
        set_={"password_hash": bindparam("password_hash", type_=Text), "updated_at": _NOW},
    )
)
_PASSWORD_CHANGED: Statement[Any] = Statement(
    update(Person).where(_THIS).values(password_changed_at=_NOW, updated_at=_NOW)
)
# A token that was issued since he was shut out before may be dated in the second after that.
_SHUT_OUT: Statement[datetime] = Statement(
    update(Person)
    .where(_THIS)
    .values(
        tokens_not_before=func.greatest(
            _NOW,
            func.date_trunc("second", Person.tokens_not_before) + literal(timedelta(seconds=1)),
        ),
        updated_at=_NOW,
    )
    .returning(Person.tokens_not_before),
    lambda instant: instant,
)
_ADDRESSEE = select(Person.id, Person.email, Person.active)
_FIND_ADDRESSEE = Statement(
    _ADDRESSEE.where(Person.email_normalized == func.lower(bindparam("email", type_=Text))),
    Addressee,
)
_GET_ADDRESSEE = Statement(_ADDRESSEE.where(_THIS), Addressee)
_PERSON = (
    Person.id,
    Person.email,
    Person.name,
    Person.verified_at.is_not(None),
    Person.active,
    Person.platform_role,
    Person.created_at,
    Person.updated_at,
)
_ALL = select(*_PERSON)
_SEARCH = bindparam("search", type_=Text)
_LIST = NewestFirst(_ALL, PersonRead, created=Person.created_at, identity=Person.id)
_SEARCHED = NewestFirst(
    _ALL.where(
        or_(
            func.strpos(Person.email_normalized, func.lower(_SEARCH)) > 0,
            func.strpos(func.lower(Person.name), func.lower(_SEARCH)) > 0,
        )
    ),
    PersonRead,
    created=Person.created_at,
    identity=Person.id,
)
_GET_PERSON = Statement(_ALL.where(_THIS), PersonRead)
_LOCK_ADMINS: Statement[UUID] = Statement(
    select(Person.id)
    .where(Person.platform_role == PLATFORM_ADMIN, Person.active)
    .order_by(Person.id)
    .with_for_update(key_share=True),
    lambda identity: identity,
)
_DEACTIVATE = Statement(
    update(Person)
    .where(_THIS, Person.active)
    .values(active=False, updated_at=_NOW)
    .returning(*_PERSON),
    PersonRead,
)
_REACTIVATE = Statement(
    update(Person)
    .where(_THIS, ~Person.active)
    .values(active=True, updated_at=_NOW)
    .returning(*_PERSON),
    PersonRead,
)


async def find_candidate(tx: Tx, email: str) -> Candidate | None:
    """The active person with a password under this address, however it is spelled."""
    return await tx.one(_FIND_CANDIDATE, email=email)


async def get_candidate(tx: Tx, person_id: UUID) -> Candidate | None:
    """The same, of a person who is known."""
    return await tx.one(_GET_CANDIDATE, person_id=person_id)


async def lock_standing(tx: Tx, person_id: UUID) -> Standing | None:
    """A person, whom nobody else changes until the transaction ends."""
    return await tx.one(_LOCK_STANDING, person_id=person_id)


async def is_active(tx: Tx, person_id: UUID) -> bool:
    """Whether there is such a person, and nobody shut him out."""
    return await tx.one(_IS_ACTIVE, person_id=person_id) is not None


async def get_profile(tx: Tx, person_id: UUID) -> Profile | None:
    """A person's own data."""
    return await tx.one(_GET_PROFILE, person_id=person_id)


async def is_known(tx: Tx, email: str) -> bool:
    """Whether somebody, active or not, has this address."""
    return await tx.one(_IS_KNOWN, email=email) is not None


async def exists(tx: Tx, person_id: UUID) -> bool:
    """Whether there is such a person, active or not."""
    return await tx.one(_EXISTS, person_id=person_id) is not None


async def insert_person(
    tx: Tx, person_id: UUID, *, email: str, name: str, password_hash: str, now: datetime
) -> Profile | None:
    """A verified person with a password; None where the address is somebody's."""
    profile = await tx.one(_INSERT_PERSON, id=person_id, email=email, name=name, now=now)
    if profile is not None:
        await tx.execute(_INSERT_CREDENTIAL, person=person_id, password_hash=password_hash, now=now)
    return profile


async def remember_tenant(tx: Tx, person_id: UUID, tenant_id: UUID, now: datetime) -> None:
    """Set the organization that the next sign-in opens."""
    await tx.execute(_REMEMBER_TENANT, person_id=person_id, last_tenant_id=tenant_id, now=now)


async def replace_hash(tx: Tx, person_id: UUID, password_hash: str, now: datetime) -> None:
    """Store the same password under another hash."""
    await tx.execute(_REPLACE_HASH, person_id=person_id, password_hash=password_hash, now=now)


async def rename(tx: Tx, person_id: UUID, name: str, now: datetime) -> None:
    """Set a person's name."""
    await tx.execute(_RENAME, person_id=person_id, name=name, now=now)


async def replace_password(tx: Tx, person_id: UUID, password_hash: str, now: datetime) -> None:
    """Another password in place of whatever there was."""
    await tx.execute(_REPLACE_PASSWORD, person_id=person_id, password_hash=password_hash, now=now)
    await tx.execute(_PASSWORD_CHANGED, person_id=person_id, now=now)


async def shut_out(tx: Tx, person_id: UUID, now: datetime) -> datetime:
    """Let the person's tokens be dead; until when they were issued. Raises LookupError."""
    not_before = await tx.one(_SHUT_OUT, person_id=person_id, now=now)
    if not_before is None:
        raise LookupError("there is no such person")
    return not_before


async def find_addressee(tx: Tx, email: str) -> Addressee | None:
    """Who has this address, however it is spelled."""
    return await tx.one(_FIND_ADDRESSEE, email=email)


async def get_addressee(tx: Tx, person_id: UUID) -> Addressee | None:
    """Where mail for a person goes."""
    return await tx.one(_GET_ADDRESSEE, person_id=person_id)


async def list_people(tx: PlatformTx, page: PageRequest, search: str | None) -> Listing[PersonRead]:
    """One page, newest first; `search` is looked for in address and name, whatever its case."""
    if search:
        return await _SEARCHED.page(tx, page, search=search)
    return await _LIST.page(tx, page)


async def get_person(tx: PlatformTx, person_id: UUID) -> PersonRead | None:
    """Any person."""
    return await tx.one(_GET_PERSON, person_id=person_id)


async def lock_platform_admins(tx: PlatformTx) -> list[UUID]:
    """The active administrators of the platform, whom nobody else changes meanwhile."""
    return await tx.rows(_LOCK_ADMINS)


async def deactivate(tx: PlatformTx, person_id: UUID, now: datetime) -> PersonRead | None:
    """Deactivate an active person; None when there is none such."""
    return await tx.one(_DEACTIVATE, person_id=person_id, now=now)


async def reactivate(tx: PlatformTx, person_id: UUID, now: datetime) -> PersonRead | None:
    """Reactivate a deactivated person; None when there is none such."""
    return await tx.one(_REACTIVATE, person_id=person_id, now=now)
