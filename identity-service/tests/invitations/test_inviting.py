"""Inviting: who may, whom, as what; what is listed, sent again and withdrawn."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.mail import mails_in, text_of
from tests.conftest import CoreReceiver, Identity, eventually
from tests.invitations.links import address, expire, invite, look_up, mailed_links, token_for
from tests.team import ROLES, events_told, make_team, refused


async def test_an_invitation_is_made_mailed_and_told_of(
    identity: Identity, core: CoreReceiver
) -> None:
    team = await make_team(identity, ["owner"])
    email = address(uuid7())
    invitation = await invite(team["owner"], email, "standard")
    assert invitation.keys() == {"id", "email", "role", "invited_by", "created_at", "expires_at"}
    # Spelled as it was given, but for the domain, which has no case.
    local, _, domain = email.partition("@")
    assert invitation["email"] == f"{local}@{domain.lower()}"
    assert (invitation["role"], invitation["invited_by"]) == ("standard", str(team["owner"].id))
    life = datetime.fromisoformat(invitation["expires_at"]) - datetime.fromisoformat(
        invitation["created_at"]
    )
    assert life == timedelta(days=7)

    (link,) = await mailed_links(identity, invitation["email"])
    token = token_for(identity, invitation["id"])
    assert link == f"http://localhost:3000/invitation#token={token}"
    (mail,) = mails_in(identity.settings.mail_directory, invitation["email"])
    text = " ".join(text_of(mail).split())
    for part in (team.organization.name, "Test Person", "standard"):
        assert part in text

    async def is_told() -> bool:
        return bool(events_told(core, team.organization.id))

    await eventually(is_told)
    (event,) = events_told(core, team.organization.id)
    assert (event["action"], event["resource_id"]) == ("invitations.create", invitation["id"])
    assert email.lower() not in str(event).lower()
    assert token not in str(core.received)


@pytest.mark.parametrize(
    ("inviter", "role", "allowed"),
    [("owner", role, True) for role in ROLES]
    + [("admin", role, role != "owner") for role in ROLES],
)
async def test_nobody_invites_above_his_own_role(
    identity: Identity,
    inviter: str,
    role: str,
    allowed: bool,  # noqa: FBT001  a table
) -> None:
    team = await make_team(identity, [inviter])
    body = {"email": address(uuid7()), "role": role}
    response = await team[inviter].call("POST", "/invitations", json=body)
    if allowed:
        assert response.status_code == 201
    else:
        refused(response, 403, "role_not_allowed")


@pytest.mark.parametrize("role", ["standard", "viewer", "client"])
async def test_t29_others_neither_invite_nor_see_invitations(identity: Identity, role: str) -> None:
    team = await make_team(identity, ["owner", role])
    invitation = await invite(team["owner"], address(uuid7()))
    calls = (
        ("POST", "/invitations", {"email": address(uuid7()), "role": "viewer"}),
        ("GET", "/invitations", None),
        ("POST", f"/invitations/{invitation['id']}/resend", None),
        ("DELETE", f"/invitations/{invitation['id']}", None),
    )
    for method, path, body in calls:
        response = await team[role].call(method, path, json=body)
        refused(response, 403, "missing_permission")


async def test_t21_a_member_is_not_invited_however_his_address_is_spelled(
    identity: Identity,
) -> None:
    team = await make_team(identity, ["owner", "viewer"])
    for email in (team["viewer"].person.email, team["viewer"].person.email.upper()):
        response = await team["owner"].call(
            "POST", "/invitations", json={"email": email, "role": "viewer"}
        )
        refused(response, 409, "already_member")


async def test_t21_an_open_invitation_is_not_repeated_however_it_is_spelled(
    identity: Identity,
) -> None:
    team = await make_team(identity, ["owner"])
    email = address(uuid7())
    await invite(team["owner"], email)
    for spelled in (email, email.upper(), email.lower(), f" {email} "):
        response = await team["owner"].call(
            "POST", "/invitations", json={"email": spelled, "role": "admin"}
        )
        refused(response, 409, "already_invited")
    assert len(await team["owner"].results("/invitations")) == 1


async def test_inviting_at_once_invites_once(identity: Identity) -> None:
    team = await make_team(identity, ["owner"])
    body = {"email": address(uuid7()), "role": "viewer"}
    responses = await asyncio.gather(
        *(team["owner"].call("POST", "/invitations", json=body) for _ in range(4))
    )
    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409]


async def test_whether_an_address_has_an_account_elsewhere_shows_nowhere(
    identity: Identity,
) -> None:
    team = await make_team(identity, ["owner"])
    known, _ = await identity.make_member()
    answers = [await invite(team["owner"], email) for email in (known.email, address(uuid7()))]
    for answer in answers:
        for name in ("id", "email", "created_at", "expires_at"):
            answer.pop(name)
    assert answers[0] == answers[1]


async def test_t7_the_list_shows_open_invitations_and_no_token(identity: Identity) -> None:
    team = await make_team(identity, ["owner", "admin"])
    invitations = [await invite(team["owner"], address(uuid7())) for _ in range(3)]
    await expire(identity, invitations[0]["id"])
    listed = await team["admin"].results("/invitations")
    assert [each["id"] for each in listed] == [invitations[2]["id"], invitations[1]["id"]]
    text = str(listed)
    for invitation in invitations:
        assert token_for(identity, invitation["id"]) not in text
    assert "token" not in text
    page = (await team["owner"].call("GET", "/invitations?limit=1")).json()
    assert (page["paging"]["total"], len(page["results"])) == (2, 1)


async def test_t28_what_is_over_does_not_stand_in_the_way(identity: Identity) -> None:
    team = await make_team(identity, ["owner"])
    email = address(uuid7())
    expired = await invite(team["owner"], email)
    await expire(identity, expired["id"])
    revoked = await invite(team["owner"], email, "admin")
    response = await team["owner"].call("DELETE", f"/invitations/{revoked['id']}")
    assert response.status_code == 204
    third = await invite(team["owner"], email, "client")
    listed = await team["owner"].results("/invitations")
    assert [each["id"] for each in listed] == [third["id"]]
    codes = [
        (await look_up(identity, token_for(identity, each["id"]))).json().get("detail")
        for each in (expired, revoked, third)
    ]
    assert codes == ["invitation_expired", "invitation_revoked", None]


async def test_it_is_sent_again_with_the_same_link(identity: Identity) -> None:
    team = await make_team(identity, ["owner"])
    invitation = await invite(team["owner"], address(uuid7()))
    path = f"/invitations/{invitation['id']}/resend"
    await mailed_links(identity, invitation["email"])
    assert (await team["owner"].call("POST", path)).status_code == 202
    links = await mailed_links(identity, invitation["email"], 2)
    assert len(links) == 2
    assert len(set(links)) == 1


async def test_nothing_is_sent_again_that_is_not_open(identity: Identity) -> None:
    team = await make_team(identity, ["owner"])
    expired = await invite(team["owner"], address(uuid7()))
    await expire(identity, expired["id"])
    revoked = await invite(team["owner"], address(uuid7()))
    path = f"/invitations/{revoked['id']}"
    assert (await team["owner"].call("DELETE", path)).status_code == 204
    refused(await team["owner"].call("DELETE", path), 404, "invitation_not_found")
    for each in (expired["id"], revoked["id"], uuid7()):
        response = await team["owner"].call("POST", f"/invitations/{each}/resend")
        refused(response, 404, "invitation_not_found")


async def test_an_admin_does_not_touch_an_owner_s_invitation(identity: Identity) -> None:
    team = await make_team(identity, ["owner", "admin"])
    invitation = await invite(team["owner"], address(uuid7()), "owner")
    path = f"/invitations/{invitation['id']}"
    refused(await team["admin"].call("DELETE", path), 403, "role_not_allowed")
    refused(await team["admin"].call("POST", f"{path}/resend"), 403, "role_not_allowed")


async def test_those_of_another_organization_are_invisible_and_untouchable(
    identity: Identity,
) -> None:
    team, other = await make_team(identity, ["owner"]), await make_team(identity, ["owner"])
    email = address(uuid7())
    invitation = await invite(other["owner"], email)
    assert await team["owner"].results("/invitations") == []
    path = f"/invitations/{invitation['id']}"
    refused(await team["owner"].call("DELETE", path), 404, "invitation_not_found")
    refused(await team["owner"].call("POST", f"{path}/resend"), 404, "invitation_not_found")
    assert (await invite(team["owner"], email))["id"] != invitation["id"]
    assert len(await other["owner"].results("/invitations")) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"email": "nobody"},
        {"email": "a@example.com\nBcc: all@example.com"},
        {"email": None},
        {"role": "king"},
        {"role": "platform_admin"},
        {"expires_at": "2030-01-01T00:00:00Z"},
        {"invited_by": str(uuid7())},
    ],
)
async def test_t8_other_fields_and_values_are_refused(
    identity: Identity, change: dict[str, object]
) -> None:
    team = await make_team(identity, ["owner"])
    body = {"email": address(uuid7()), "role": "viewer", **change}
    response = await team["owner"].call("POST", "/invitations", json=body)
    refused(response, 422, "validation_failed")


async def test_an_ended_invitation_stays_ended(identity: Identity) -> None:
    team = await make_team(identity, ["owner"])
    invitation = await invite(team["owner"], address(uuid7()))
    await team["owner"].call("DELETE", f"/invitations/{invitation['id']}")
    with pytest.raises(Exception, match="stays ended"):
        await identity.admin.execute(
            "UPDATE invitations SET revoked_at = NULL WHERE id = $1", UUID(invitation["id"])
        )
