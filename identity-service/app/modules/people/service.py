"""The rules of people."""

from uuid import UUID

from app.modules.memberships import service as memberships
from app.modules.people import repository
from app.modules.people.schemas import Candidate, MeRead, Standing
from shared_lib.clock import utc_now
from shared_lib.errors import TokenRevoked
from shared_lib.tenancy import Tx, UserTx

__all__ = [
    "find_candidate",
    "get_me",
    "is_active",
    "lock_standing",
    "remember_tenant",
    "renew_hash",
]


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


async def is_active(tx: Tx, person_id: UUID) -> bool:
    """Whether a person may act at all."""
    return await repository.is_active(tx, person_id)


async def remember_tenant(tx: Tx, standing: Standing, tenant_id: UUID | None) -> None:
    """Make an organization the default of the next sign-in, unless it is already."""
    if tenant_id is not None and tenant_id != standing.last_tenant_id:
        await repository.remember_tenant(tx, standing.id, tenant_id, utc_now())


async def renew_hash(tx: Tx, person_id: UUID, password_hash: str) -> None:
    """Keep a password under the present parameters of the hash."""
    await repository.replace_hash(tx, person_id, password_hash, utc_now())
