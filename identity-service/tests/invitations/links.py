"""Invitations of tests, and the links that their mails carry."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from app.core.links import link_token
from shared_lib.testing.mail import links_in, mails_in
from tests.conftest import Identity, eventually
from tests.team import Member

PASSWORD = "a long phrase of one's own"


def address(identifier: object) -> str:
    """An address that nobody has yet."""
    return f"Guest-{identifier}@Example.com"


async def invite(inviter: Member, email: str, role: str = "viewer") -> dict[str, Any]:
    response = await inviter.call("POST", "/invitations", json={"email": email, "role": role})
    assert response.status_code == 201, response.text
    invitation: dict[str, Any] = response.json()
    return invitation


def token_for(identity: Identity, invitation_id: str) -> str:
    """The token that is in the mail."""
    return link_token(identity.settings, "invitation", UUID(invitation_id))


async def mailed_links(identity: Identity, to: str, count: int = 1) -> list[str]:
    """The links that were mailed to `to`, once there are so many mails."""
    directory: Path = identity.settings.mail_directory

    async def arrived() -> bool:
        return len(mails_in(directory, to)) >= count

    await eventually(arrived)
    links = [link for mail in mails_in(directory, to) for link in links_in(mail)]
    return [link for link in links if "#" in link]


async def accept_new(
    identity: Identity, token: str, name: str = "Grace Hopper", password: str = PASSWORD
) -> httpx.Response:
    """Accept as somebody without an account."""
    return await identity.client.post(
        "/invitations/accept", json={"token": token, "name": name, "password": password}
    )


async def look_up(identity: Identity, token: str) -> httpx.Response:
    return await identity.client.post("/invitations/lookup", json={"token": token})


async def expire(identity: Identity, invitation_id: str) -> None:
    await identity.admin.execute(
        "UPDATE invitations SET created_at = created_at - interval '8 days',"
        " expires_at = expires_at - interval '8 days' WHERE id = $1",
        UUID(invitation_id),
    )
