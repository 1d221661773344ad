"""Nobody has mails sent without end, to one address or for one organization."""

from collections.abc import AsyncIterator

import httpx
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.postgres import Cluster
from tests.conftest import Identity, client_of, make_settings, running
from tests.invitations.links import address, invite
from tests.team import Member, make_team, refused


@pytest.fixture
async def strict(
    cluster: Cluster, database_name: str, identity: Identity
) -> AsyncIterator[Identity]:
    limits = {"invitation_limit_address": "2/hour", "invitation_limit_tenant": "4/day"}
    settings = make_settings(cluster, database_name, identity.settings.core_url, **limits)
    async with running(settings) as app, client_of(app) as client:
        yield Identity(app, client, identity.admin, settings)


async def try_to_invite(inviter: Member, email: str) -> httpx.Response:
    return await inviter.call("POST", "/invitations", json={"email": email, "role": "viewer"})


async def test_per_address_whoever_invites(strict: Identity) -> None:
    email = address(uuid7())
    owners = [(await make_team(strict, ["owner"]))["owner"] for _ in range(3)]
    await invite(owners[0], email)
    await invite(owners[1], email.upper())
    third = await try_to_invite(owners[2], email)
    refused(third, 429, "too_many_attempts")
    assert int(third.headers["retry-after"]) > 0
    assert await owners[2].results("/invitations") == [], "nothing was made"
    await invite(owners[2], address(uuid7()))


async def test_per_organization(strict: Identity) -> None:
    owner = (await make_team(strict, ["owner"]))["owner"]
    for _ in range(4):
        await invite(owner, address(uuid7()))
    refused(await try_to_invite(owner, address(uuid7())), 429, "too_many_attempts")
    other = (await make_team(strict, ["owner"]))["owner"]
    await invite(other, address(uuid7()))


async def test_one_is_sent_again_once_a_minute(identity: Identity) -> None:
    owner = (await make_team(identity, ["owner"]))["owner"]
    first, second = [await invite(owner, address(uuid7())) for _ in range(2)]
    path = f"/invitations/{first['id']}/resend"
    assert (await owner.call("POST", path)).status_code == 202
    refused(await owner.call("POST", path), 429, "too_many_attempts")
    other = await owner.call("POST", f"/invitations/{second['id']}/resend")
    assert other.status_code == 202


async def test_sending_again_counts_for_the_address(strict: Identity) -> None:
    owner = (await make_team(strict, ["owner"]))["owner"]
    email = address(uuid7())
    invitation = await invite(owner, email)
    assert (await owner.call("POST", f"/invitations/{invitation['id']}/resend")).status_code == 202
    other = (await make_team(strict, ["owner"]))["owner"]
    refused(await try_to_invite(other, email), 429, "too_many_attempts")
