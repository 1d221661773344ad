"""Each condition of the procedures of admission, asked of them themselves.

A token is consistent whenever identity has signed it; whoever can inject a statement is not.
"""

from dataclasses import dataclass
from uuid import UUID

import asyncpg
import pytest

from shared_lib.ids import uuid7
from tests.conftest import Identity, Organization, Person
from tests.definer import ask

ADMIT = "CALL public.admit($1, $2, $3, $4)"
OF_CLIENT = ("identity_worker", "CALL public.admit_client()")
OWN_ROWS, ORGANIZATION = 1, 2
OWNER, ADMIN = 1, 2  # places in the list of roles
ISSUED_AT = 9_999_999_999


@dataclass(frozen=True)
class Two:
    """Two who own one organization together and are signed in; one is admin of another."""

    identity: Identity
    one: Person
    other: Person
    shared: Organization
    elsewhere: Organization
    sessions: dict[UUID, UUID]

    async def change(self, statement: str) -> None:
        """$1 is the one person."""
        await self.identity.admin.execute(statement, self.one.id)

    async def admitted(self, scope: int, sid: UUID, role: int, **settings: UUID) -> bool:
        arguments = (scope, sid, role, ISSUED_AT)
        admin = self.identity.admin
        return await refusal(admin, "identity_app", ADMIT, *arguments, **settings) is None

    async def one_is_admitted(self, scope: int) -> bool:
        return await self.admitted(
            *(scope, self.sessions[self.one.id], OWNER),
            current_person=self.one.id,
            current_tenant=self.shared.id,
        )


async def refusal(
    admin: asyncpg.Connection, role: str, query: str, *arguments: object, **settings: UUID
) -> str | None:
    """The SQLSTATE of the one refusal of admission, None where there is none; all is undone."""
    nested = admin.transaction()
    await nested.start()
    try:
        await ask(admin, role, query, *arguments, **settings)
    except asyncpg.PostgresError as error:
        if error.sqlstate != "PT401":
            raise
        return "PT401"
    finally:
        await nested.rollback()
    return None


async def signed_in(admin: asyncpg.Connection, person: Person) -> UUID:
    sid = uuid7()
    await admin.execute(
        "INSERT INTO sign_in_sessions (id, person_id, client_id, amr, auth_time, created_at,"
        " last_used_at, expires_at)"
        " VALUES ($1, $2, 'web', 'pwd', now(), now(), now(), now() + interval '1 day')",
        *(sid, person.id),
    )
    return sid


@pytest.fixture
async def two(undone: Identity) -> Two:
    one, shared = await undone.make_member("owner")
    other = await undone.make_person()
    await undone.join(other, shared, "owner")
    elsewhere = await undone.make_organization()
    await undone.join(one, elsewhere, "admin")
    sessions = {each.id: await signed_in(undone.admin, each) for each in (one, other)}
    await signed_in(undone.admin, one)
    return Two(undone, one, other, shared, elsewhere, sessions)


async def test_who_is_signed_in_and_a_member_is_admitted(two: Two) -> None:
    assert await two.one_is_admitted(OWN_ROWS)
    assert await two.one_is_admitted(ORGANIZATION)


@pytest.mark.parametrize(
    "change",
    [
        (
            "UPDATE sign_in_sessions SET ended_at = now(), ended_reason = 'signed_out'"
            " WHERE person_id = $1"
        ),
        "UPDATE sign_in_sessions SET expires_at = now() WHERE person_id = $1",
        "UPDATE people SET active = false WHERE id = $1",
        "UPDATE people SET tokens_not_before = 'infinity' WHERE id = $1",
    ],
)
async def test_who_is_signed_in_no_more_is_not(two: Two, change: str) -> None:
    await two.change(change)
    assert not await two.one_is_admitted(OWN_ROWS)
    assert not await two.one_is_admitted(ORGANIZATION)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE memberships SET active = false WHERE person_id = $1",
        "UPDATE memberships SET role = 'admin' WHERE person_id = $1",
        "UPDATE memberships SET tokens_not_before = 'infinity' WHERE person_id = $1",
    ],
)
async def test_who_is_no_such_member_any_more_is_not(two: Two, change: str) -> None:
    await two.change(change)
    assert await two.one_is_admitted(OWN_ROWS)
    assert not await two.one_is_admitted(ORGANIZATION)


async def test_a_session_is_the_one_that_is_named_and_the_persons_own(two: Two) -> None:
    for sid in (uuid7(), two.sessions[two.other.id]):
        assert not await two.admitted(OWN_ROWS, sid, OWNER, current_person=two.one.id)


async def test_a_membership_is_the_persons_own_in_that_organization(two: Two) -> None:
    for tenant, role, admitted in (
        (two.elsewhere, ADMIN, True),
        (two.elsewhere, OWNER, False),  # as he is in the other
        (two.shared, ADMIN, False),
    ):
        assert admitted is await two.admitted(
            *(ORGANIZATION, two.sessions[two.one.id], role),
            current_person=two.one.id,
            current_tenant=tenant.id,
        )
    await two.change("DELETE FROM memberships WHERE person_id = $1")
    assert not await two.one_is_admitted(ORGANIZATION)  # where somebody else is the owner


@pytest.mark.parametrize(("active", "outcome"), [(True, None), (False, "PT401")])
async def test_one_of_our_services_is_admitted_by_its_own_row(
    undone: Identity, active: object, outcome: str | None
) -> None:
    clients = {"ours": active, "another": True}
    ids = {name: uuid7() for name in clients}
    for name, state in clients.items():
        await undone.admin.execute(
            "INSERT INTO trusted_clients"
            " (id, client_id, secret_hash, active, created_at, updated_at)"
            " VALUES ($1, $2, '', $3, now(), now())",
            *(ids[name], f"{name}-{ids[name]}", state),
        )
    assert await refusal(undone.admin, *OF_CLIENT, current_actor=ids["ours"]) == outcome
    assert await refusal(undone.admin, *OF_CLIENT, current_actor=uuid7()) == "PT401"


async def test_one_of_our_services_is_admitted_once(undone: Identity) -> None:
    client = await undone.admin.fetchval("SELECT id FROM trusted_clients WHERE active LIMIT 1")
    await ask(undone.admin, *OF_CLIENT, current_actor=client)
    with pytest.raises(asyncpg.RaiseError, match="this transaction was admitted before"):
        await ask(undone.admin, *OF_CLIENT, current_actor=client)
