"""An organization that nobody owns who can sign in: the platform invites an owner."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from shared_lib.ids import uuid7
from tests.conftest import CoreReceiver, Identity, bearer
from tests.invitations.links import (
    accept_new,
    address,
    expire,
    invite,
    look_up,
    mailed_links,
    token_for,
)
from tests.locks import until_waiting
from tests.mailbox import security_event
from tests.team import make_team, refused


async def platform_admin(identity: Identity) -> dict[str, str]:
    """Headers of a platform admin."""
    person = await identity.make_person(platform_role="platform_admin")
    return bearer((await identity.sign_in(person))["access_token"])


async def invite_owner(
    identity: Identity, tenant_id: object, email: str, headers: dict[str, str] | None = None
) -> httpx.Response:
    return await identity.client.post(
        f"/admin/tenants/{tenant_id}/invite-owner",
        headers=headers or await platform_admin(identity),
        json={"email": email},
    )


async def invitations(identity: Identity, tenant_id: UUID) -> list[Any]:
    statement = "SELECT * FROM invitations WHERE tenant_id = $1 ORDER BY id"
    return list(await identity.admin.fetch(statement, tenant_id))


async def open_ones(identity: Identity, tenant_id: UUID) -> list[Any]:
    return [
        each
        for each in await invitations(identity, tenant_id)
        if each["accepted_at"] is None and each["revoked_at"] is None
    ]


async def test_an_owner_is_invited_in_place_of_the_mistyped_one(
    identity: Identity, core: CoreReceiver
) -> None:
    tenant = (await identity.make_organization()).id
    first = (await invite_owner(identity, tenant, address(uuid7()))).json()
    right = address(uuid7())
    answer = await invite_owner(identity, tenant, right)
    assert answer.status_code == 201, answer.text
    second = answer.json()
    assert (second["role"], second["invited_by"]) == ("owner", None)
    life = datetime.fromisoformat(second["expires_at"]) - datetime.fromisoformat(
        second["created_at"]
    )
    assert life == timedelta(days=7)
    refused(await look_up(identity, token_for(identity, first["id"])), 410, "invitation_revoked")
    (link,) = await mailed_links(identity, second["email"])
    accepted = await accept_new(identity, link.partition("#token=")[2])
    assert (accepted.status_code, accepted.json()["role"]) == (201, "owner")
    refused(await invite_owner(identity, tenant, right), 409, "tenant_has_owner")
    event = await security_event(core, "invitations.create", second["id"])
    assert (event["tenant_id"], event["changes"]) == (str(tenant), {"role": [None, "owner"]})
    assert event["actor_role"] == "platform_admin"
    assert (await security_event(core, "invitations.revoke", first["id"]))["tenant_id"] == str(
        tenant
    )


async def test_the_same_address_once_more_after_the_first_has_expired(identity: Identity) -> None:
    tenant, email = (await identity.make_organization()).id, address(uuid7())
    first = (await invite_owner(identity, tenant, email)).json()
    await expire(identity, first["id"])
    second = await invite_owner(identity, tenant, email)
    assert second.status_code == 201
    assert [str(each["id"]) for each in await open_ones(identity, tenant)] == [second.json()["id"]]
    founded = "SELECT founded FROM tenants WHERE id = $1"
    assert await identity.admin.fetchval(founded, tenant), "no late fact invites another"


async def test_an_owner_whose_account_is_closed_is_none(identity: Identity) -> None:
    team = await make_team(identity, ["owner", "admin"])
    tenant = team.organization.id
    refused(await invite_owner(identity, tenant, address(uuid7())), 409, "tenant_has_owner")
    close = "UPDATE people SET active = false WHERE id = $1"
    await identity.admin.execute(close, team["owner"].id)
    member = await invite_owner(identity, tenant, team["admin"].person.email)
    refused(member, 409, "already_member")
    assert (await invite_owner(identity, tenant, address(uuid7()))).status_code == 201


async def test_a_refusal_ends_no_invitation(identity: Identity) -> None:
    team = await make_team(identity, ["owner"])
    invitation = await invite(team["owner"], address(uuid7()))
    refused(
        await invite_owner(identity, team.organization.id, invitation["email"]),
        409,
        "tenant_has_owner",
    )
    assert len(await open_ones(identity, team.organization.id)) == 1


async def test_only_organizations_that_are_there_and_at_work(identity: Identity) -> None:
    refused(await invite_owner(identity, uuid7(), address(uuid7())), 404, "tenant_not_found")
    for status, code, detail in (
        ("purged", 404, "tenant_not_found"),
        ("suspended", 403, "tenant_blocked"),
    ):
        tenant = (await identity.make_organization(status)).id
        refused(await invite_owner(identity, tenant, address(uuid7())), code, detail)
        assert await invitations(identity, tenant) == []


async def test_of_two_at_once_one_invitation_stays(identity: Identity) -> None:
    tenant = (await identity.make_organization()).id
    headers = await platform_admin(identity)
    answers = await asyncio.gather(
        *(invite_owner(identity, tenant, address(uuid7()), headers) for _ in range(4))
    )
    assert {each.status_code for each in answers} == {201}
    assert len(await open_ones(identity, tenant)) == 1


async def test_who_is_just_accepting_is_waited_for(identity: Identity) -> None:
    tenant = (await identity.make_organization()).id
    first = (await invite_owner(identity, tenant, address(uuid7()))).json()
    guest, headers = await identity.make_person(), await platform_admin(identity)
    async with identity.admin.transaction():
        await identity.admin.execute(
            "UPDATE invitations SET accepted_at = now(), accepted_by = $2 WHERE id = $1",
            UUID(first["id"]),
            guest.id,
        )
        await identity.admin.execute(
            "INSERT INTO memberships (tenant_id, person_id, role, created_at, updated_at)"
            " VALUES ($1, $2, 'owner', now(), now())",
            tenant,
            guest.id,
        )
        inviting = asyncio.create_task(invite_owner(identity, tenant, address(uuid7()), headers))
        await until_waiting(identity.admin)
    refused(await inviting, 409, "tenant_has_owner")
