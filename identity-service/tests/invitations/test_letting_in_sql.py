"""Each condition of the functions that let people in, asked of the functions themselves.

The service looks before it calls; whoever can inject a SELECT does not.
"""

from dataclasses import dataclass
from uuid import UUID

import pytest

from shared_lib.ids import uuid7
from tests.conftest import Identity, Organization, Person
from tests.definer import ask, invite

ACCEPT = "SELECT public.accept_invitation($1)"
ROLE = "SELECT role FROM memberships WHERE tenant_id = $1 AND person_id = $2 AND active"


@dataclass(frozen=True)
class Invited:
    """Somebody whom the owner of an organization has invited, and who is member of another."""

    identity: Identity
    owner: Person
    organization: Organization
    guest: Person
    invitation: UUID

    async def change(self, statement: str) -> None:
        """$1 the guest, $2 the owner, $3 the organization, $4 the invitation."""
        await self.identity.admin.execute(
            "WITH given AS (SELECT $1::uuid AS guest, $2::uuid AS owner, $3::uuid AS organization,"
            f" $4::uuid AS invitation) {statement}",
            *(self.guest.id, self.owner.id, self.organization.id, self.invitation),
        )

    async def accept(self, invitation: UUID | None = None, person: UUID | None = None) -> bool:
        answered = await ask(
            self.identity.admin,
            "identity_auth",
            ACCEPT,
            invitation or self.invitation,
            current_person=person or self.guest.id,
        )
        return answered == [True]

    async def role(self) -> str | None:
        found: str | None = await self.identity.admin.fetchval(
            ROLE, self.organization.id, self.guest.id
        )
        return found


@pytest.fixture
async def invited(undone: Identity) -> Invited:
    owner, organization = await undone.make_member("owner")
    guest, _ = await undone.make_member("owner")
    invitation = await invite(undone, organization, guest.email.upper(), inviter=owner)
    return Invited(undone, owner, organization, guest, invitation)


async def test_who_was_invited_is_let_in(invited: Invited) -> None:
    assert await invited.accept()
    assert await invited.role() == "viewer"


async def test_a_former_member_is_let_in_again(invited: Invited) -> None:
    await invited.identity.join(invited.guest, invited.organization, "admin")
    await invited.change("UPDATE memberships SET active = false FROM given WHERE person_id = guest")
    assert await invited.accept()
    assert await invited.role() == "viewer"


@pytest.mark.parametrize(
    "change",
    [
        (
            "UPDATE invitations SET accepted_at = now(), accepted_by = guest FROM given"
            " WHERE id = invitation"
        ),
        "UPDATE invitations SET revoked_at = now() FROM given WHERE id = invitation",
        "UPDATE invitations SET expires_at = now() FROM given WHERE id = invitation",
        "UPDATE invitations SET email = 'x' || email FROM given WHERE id = invitation",
        "UPDATE people SET active = false FROM given WHERE id = guest",
        "UPDATE people SET platform_role = 'support_agent' FROM given WHERE id = guest",
        "UPDATE tenants SET status = 'suspended' FROM given WHERE id = organization",
        "UPDATE memberships SET active = false FROM given WHERE person_id = owner",
        "UPDATE memberships SET role = 'standard' FROM given WHERE person_id = owner",
        "UPDATE people SET active = false FROM given WHERE id = owner",
    ],
)
async def test_nobody_is_let_in_when_it_is_not_so_any_more(invited: Invited, change: str) -> None:
    await invited.change(change)
    assert not await invited.accept()
    assert await invited.role() is None


async def test_a_member_keeps_his_role(invited: Invited) -> None:
    await invited.identity.join(invited.guest, invited.organization, "client")
    assert not await invited.accept()
    assert await invited.role() == "client"


async def test_only_the_invitation_that_is_named_is_accepted(invited: Invited) -> None:
    assert not await invited.accept(invitation=uuid7())
    assert await invited.role() is None


async def test_only_who_the_transaction_is_for_accepts(invited: Invited) -> None:
    assert not await invited.accept(person=uuid7())
    assert await invited.role() is None


@pytest.mark.parametrize(
    ("role", "given", "reaches"),
    [
        ("owner", "owner", True),
        ("owner", "viewer", True),
        ("admin", "owner", False),
        ("admin", "admin", True),
        ("standard", "viewer", False),
    ],
)
async def test_who_may_give_a_role(
    undone: Identity, role: str, given: str, reaches: object
) -> None:
    inviter, organization = await undone.make_member(role)
    other = await undone.make_organization()
    colleague = await undone.make_person()
    await undone.join(colleague, organization, "owner")
    query = "SELECT public.inviter_reaches($1, $2, $3)"
    for tenant, person, expected in (
        (organization.id, inviter.id, reaches),
        (organization.id, None, True),
        (organization.id, uuid7(), False),
        (other.id, inviter.id, False),
    ):
        assert await ask(undone.admin, "identity_definer", query, tenant, person, given) == [
            expected
        ]
    for change in (
        "people SET active = false WHERE id",
        "memberships SET active = false WHERE person_id",
    ):
        nested = undone.admin.transaction()
        await nested.start()
        await undone.admin.execute(f"UPDATE {change} = $1", inviter.id)
        assert await ask(
            undone.admin, "identity_definer", query, organization.id, inviter.id, given
        ) == [False]
        await nested.rollback()


async def test_an_invitation_is_found_by_its_id(invited: Invited) -> None:
    admin, find = invited.identity.admin, "SELECT id FROM public.find_invitation($1)"
    await invite(invited.identity, invited.organization, "other@example.com")
    assert await ask(admin, "identity_auth", find, invited.invitation) == [invited.invitation]
    revoked = "SELECT revoked_at IS NULL FROM public.find_invitation($1)"
    assert await ask(admin, "identity_auth", revoked, invited.invitation) == [True]
    await invited.change("UPDATE memberships SET active = false FROM given WHERE person_id = owner")
    assert await ask(admin, "identity_auth", revoked, invited.invitation) == [False]
