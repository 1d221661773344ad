"""All SQL about people and their credentials."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, func, select, update
from sqlalchemy.types import DateTime

from app.modules.people.models import Credential, Person
from app.modules.people.schemas import Candidate, Profile, Standing
from shared_lib.tables import Statement
from shared_lib.tenancy import Tx

_THIS = Person.id == bindparam("person_id", type_=Uuid)
_NOW = bindparam("now", type_=DateTime(timezone=True))

_FIND_CANDIDATE = Statement(
    select(Person.id, Credential.password_hash)
    .join(Credential, Credential.person_id == Person.id)
    .where(Person.email_normalized == func.lower(bindparam("email", type_=Text)))
    .where(Person.active),
    Candidate,
)
# Locked, so that somebody who is being shut out does not sign in at the same moment.
_LOCK_STANDING = Statement(
    select(
        Person.id,
        Person.active,
        Person.verified_at.is_not(None),
        Person.platform_role,
        Person.last_tenant_id,
        Credential.password_hash,
    )
    .outerjoin(Credential, Credential.person_id == Person.id)
    .where(_THIS)
    .with_for_update(of=Person, key_share=True),
    Standing,
)
_GET_PROFILE = Statement(
    select(
        Person.id,
        Person.email,
        Person.name,
        Person.verified_at.is_not(None),
        Person.platform_role,
    ).where(_THIS),
    Profile,
)
_COUNT_ACTIVE: Statement[int] = Statement(select(func.count()).where(_THIS, Person.active), int)
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


async def find_candidate(tx: Tx, email: str) -> Candidate | None:
    """The active person with a password under this address, however it is spelled."""
    return await tx.one(_FIND_CANDIDATE, email=email)


async def lock_standing(tx: Tx, person_id: UUID) -> Standing | None:
    """A person, whom nobody else changes until the transaction ends."""
    return await tx.one(_LOCK_STANDING, person_id=person_id)


async def is_active(tx: Tx, person_id: UUID) -> bool:
    """Whether there is such a person, and nobody shut him out."""
    found = await tx.one(_COUNT_ACTIVE, person_id=person_id)
    return bool(found)


async def get_profile(tx: Tx, person_id: UUID) -> Profile | None:
    """A person's own data."""
    return await tx.one(_GET_PROFILE, person_id=person_id)


async def remember_tenant(tx: Tx, person_id: UUID, tenant_id: UUID, now: datetime) -> None:
    """Set the organization that the next sign-in opens."""
    await tx.execute(_REMEMBER_TENANT, person_id=person_id, last_tenant_id=tenant_id, now=now)


async def replace_hash(tx: Tx, person_id: UUID, password_hash: str, now: datetime) -> None:
    """Store the same password under another hash."""
    await tx.execute(_REPLACE_HASH, person_id=person_id, password_hash=password_hash, now=now)
