"""Each condition of the functions that look for owners and members, asked of them themselves."""

import pytest

from shared_lib.ids import uuid7
from tests.conftest import Identity
from tests.definer import ask

HOLD = "SELECT public.hold_active_owners()"
SOLELY = "SELECT public.solely_owned($1)"
DOES_NOT_COUNT = [
    "UPDATE memberships SET active = false WHERE person_id = $1",
    "UPDATE memberships SET role = 'admin' WHERE person_id = $1",
    "UPDATE people SET active = false WHERE id = $1",
]


@pytest.mark.parametrize("change", DOES_NOT_COUNT)
async def test_owners_are_the_active_ones_of_the_organization(
    undone: Identity, change: str
) -> None:
    owner, organization = await undone.make_member("owner")
    await undone.make_member("owner")
    former = await undone.make_person()
    await undone.join(former, organization, "owner")
    held = await ask(undone.admin, "identity_app", HOLD, current_tenant=organization.id)
    assert sorted(held) == sorted([owner.id, former.id])
    await undone.admin.execute(change, former.id)
    held = await ask(undone.admin, "identity_app", HOLD, current_tenant=organization.id)
    assert held == [owner.id]


@pytest.mark.parametrize("change", DOES_NOT_COUNT)
async def test_who_owns_alone(undone: Identity, change: str) -> None:
    """What others own elsewhere does not help; who cannot act as owner does not either."""
    owner, organization = await undone.make_member("owner")
    await undone.make_member("owner")
    assert await ask(undone.admin, "identity_platform", SOLELY, owner.id) == [organization.id]
    second = await undone.make_person()
    await undone.join(second, organization, "owner")
    assert await ask(undone.admin, "identity_platform", SOLELY, owner.id) == []
    await undone.admin.execute(change, second.id)
    assert await ask(undone.admin, "identity_platform", SOLELY, owner.id) == [organization.id]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE memberships SET active = false WHERE person_id = $1",
        "UPDATE memberships SET role = 'admin' WHERE person_id = $1",
        (
            "UPDATE tenants SET status = 'purged' FROM memberships m"
            " WHERE m.tenant_id = tenants.id AND m.person_id = $1"
        ),
    ],
)
async def test_who_owns_nothing(undone: Identity, change: str) -> None:
    owner, _ = await undone.make_member("owner")
    await undone.admin.execute(change, owner.id)
    assert await ask(undone.admin, "identity_platform", SOLELY, owner.id) == []


async def test_a_member_is_found_by_his_address(undone: Identity) -> None:
    member, organization = await undone.make_member()
    find = "SELECT public.find_member($1)"
    there = {"current_tenant": organization.id}
    email = member.email.upper()
    assert await ask(undone.admin, "identity_app", find, email, **there) == [member.id]
    assert await ask(undone.admin, "identity_app", find, f"x{email}", **there) == [None]
    elsewhere = {"current_tenant": uuid7()}
    assert await ask(undone.admin, "identity_app", find, email, **elsewhere) == [None]
    await undone.admin.execute(DOES_NOT_COUNT[0], member.id)
    assert await ask(undone.admin, "identity_app", find, email, **there) == [None]


async def test_a_profile_is_one_member_of_the_organization(undone: Identity) -> None:
    member, organization = await undone.make_member()
    await undone.join(await undone.make_person(), organization)
    profile = "SELECT email FROM public.member_profile($1)"
    there, elsewhere = {"current_tenant": organization.id}, {"current_tenant": uuid7()}
    assert await ask(undone.admin, "identity_app", profile, member.id, **there) == [member.email]
    assert await ask(undone.admin, "identity_app", profile, member.id, **elsewhere) == []
