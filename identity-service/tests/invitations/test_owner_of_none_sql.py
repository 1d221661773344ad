"""Each condition of the function by which the platform invites an owner, asked of it itself."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from shared_lib.ids import uuid7
from tests.conftest import Identity, Organization, Person
from tests.definer import ask, invite

INVITE = "SELECT (public.invite_owner($1, $2, $3)).outcome"
OPEN = "SELECT accepted_at IS NULL AND revoked_at IS NULL FROM invitations WHERE id = $1"


@dataclass(frozen=True)
class Orphaned:
    """An organization that nobody owns; elsewhere there are owners and members."""

    identity: Identity
    organization: Organization
    elsewhere: Organization
    guest: Person

    async def outcome(self, organization: UUID | None = None) -> str:
        arguments = (organization or self.organization.id, uuid7(), self.guest.email.upper())
        (answered,) = await ask(self.identity.admin, "identity_platform", INVITE, *arguments)
        return str(answered)

    async def is_open(self, invitation: UUID) -> bool:
        found: bool = await self.identity.admin.fetchval(OPEN, invitation)
        return found


@pytest.fixture
async def orphaned(identity: Identity) -> AsyncIterator[Orphaned]:
    """In a transaction that is rolled back."""
    transaction = identity.admin.transaction()
    await transaction.start()
    guest, elsewhere = await identity.make_member("owner")
    yield Orphaned(identity, await identity.make_organization(), elsewhere, guest)
    await transaction.rollback()


async def test_an_organization_that_nobody_owns(orphaned: Orphaned) -> None:
    assert await orphaned.outcome() == "invited"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("purged", "tenant_not_found"), ("suspended", "tenant_blocked")],
)
async def test_an_organization_that_is_not_active(
    orphaned: Orphaned, status: str, outcome: str
) -> None:
    await orphaned.identity.admin.execute(
        "UPDATE tenants SET status = $2 WHERE id = $1", orphaned.organization.id, status
    )
    assert await orphaned.outcome() == outcome


async def test_an_organization_that_is_not_there(orphaned: Orphaned) -> None:
    assert await orphaned.outcome(uuid7()) == "tenant_not_found"


async def test_an_organization_with_an_owner(orphaned: Orphaned) -> None:
    owner = await orphaned.identity.make_person()
    await orphaned.identity.join(owner, orphaned.organization, "owner")
    assert await orphaned.outcome() == "tenant_has_owner"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE memberships SET active = false WHERE person_id = $1",
        "UPDATE memberships SET role = 'admin' WHERE person_id = $1",
        "UPDATE people SET active = false WHERE id = $1",
    ],
)
async def test_who_does_not_count_as_owner(orphaned: Orphaned, change: str) -> None:
    former = await orphaned.identity.make_person()
    await orphaned.identity.join(former, orphaned.organization, "owner")
    await orphaned.identity.admin.execute(change, former.id)
    assert await orphaned.outcome() == "invited"


@pytest.mark.parametrize(("active", "outcome"), [(True, "already_member"), (False, "invited")])
async def test_who_is_a_member(orphaned: Orphaned, active: object, outcome: str) -> None:
    await orphaned.identity.join(orphaned.guest, orphaned.organization, "viewer")
    await orphaned.identity.admin.execute(
        "UPDATE memberships SET active = $3 WHERE person_id = $1 AND tenant_id = $2",
        *(orphaned.guest.id, orphaned.organization.id, active),
    )
    assert await orphaned.outcome() == outcome


async def test_which_invitations_end(orphaned: Orphaned) -> None:
    """The platform's and those to the same address; nobody else's, and nowhere else."""
    identity, organization, guest = orphaned.identity, orphaned.organization, orphaned.guest
    member = await identity.make_person()
    await identity.join(member, organization, "admin")
    of_platform = await invite(identity, organization, "first@example.com")
    same_address = await invite(identity, organization, guest.email, inviter=member)
    of_member = await invite(identity, organization, "second@example.com", inviter=member)
    elsewhere = await invite(identity, orphaned.elsewhere, guest.email)
    assert await orphaned.outcome() == "invited"
    assert [
        await orphaned.is_open(each) for each in (of_platform, same_address, of_member, elsewhere)
    ] == [False, False, True, True]


@pytest.mark.parametrize("end", ["revoked_at = now()", "accepted_at = now(), accepted_by = $2"])
async def test_what_has_ended_is_left_alone(orphaned: Orphaned, end: str) -> None:
    ended = await invite(orphaned.identity, orphaned.organization, orphaned.guest.email)
    await orphaned.identity.admin.execute(
        f"UPDATE invitations SET {end} WHERE id = $1 AND $2::uuid IS NOT NULL",  # noqa: S608
        *(ended, orphaned.guest.id),
    )
    assert await orphaned.outcome() == "invited"
