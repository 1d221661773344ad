"""Tokens and changes of a membership at the same moment."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Identity
from tests.team import Member, make_team


async def sign_in_again(member: Member) -> Any:
    form = {"tenant_id": member.claims["tenant_id"]}
    return await member.identity.token(
        username=member.person.email, password=member.person.password, **form
    )


@pytest.mark.parametrize("grant", ["password", "refresh"])
async def test_no_token_with_a_role_that_is_being_taken_away(
    identity: Identity, grant: str
) -> None:
    team = await make_team(identity, ["admin"])
    admin = team["admin"]
    async with identity.admin.transaction():
        await identity.admin.execute(
            "UPDATE memberships SET role = 'viewer', tokens_not_before = clock_timestamp()"
            " WHERE person_id = $1",
            admin.id,
        )
        asked = asyncio.create_task(
            sign_in_again(admin) if grant == "password" else identity.refresh(admin.refresh_token)
        )
        done, _ = await asyncio.wait([asked], timeout=0.5)
        assert not done, "it waits until the change stands or falls"
    response = await asked
    assert response.status_code == 200, response.text
    renewed = Member(identity, admin.person, response.json()["access_token"], "")
    assert renewed.claims["role"] == "viewer"
    assert (await renewed.call("GET", "/members")).status_code == 200


async def test_a_change_waits_for_a_token_that_is_being_issued(identity: Identity) -> None:
    """So that the instant from which tokens are alive again is later than that token."""
    team = await make_team(identity, ["owner", "viewer"])
    viewer = team["viewer"]
    async with identity.admin.transaction():
        # What a grant does.
        await identity.admin.execute(
            "SELECT FROM memberships WHERE person_id = $1 FOR SHARE", viewer.id
        )
        changing = asyncio.create_task(
            team["owner"].call("PATCH", f"/members/{viewer.id}", json={"role": "admin"})
        )
        done, _ = await asyncio.wait([changing], timeout=0.5)
        assert not done
        released = await identity.admin.fetchval("SELECT clock_timestamp()")
    assert (await changing).status_code == 200
    assert (await team.row(viewer.id))["tokens_not_before"] >= released
