"""All SQL about people and their credentials."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, func, select, true, update
from sqlalchemy.dialects.postgresql import insert
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
        Person.tokens_not_before,
        Credential.password_hash,
    )
    .outerjoin(Credential, Credential.person_id == Person.id)
    .where(_THIS)
    .with_for_update(of=Person, key_share=True),
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


async def find_candidate(tx: Tx, email: str) -> Candidate | None:
    """The active person with a password under this address, however it is spelled."""
    return await tx.one(_FIND_CANDIDATE, email=email)


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
