"""An organization of one test with people in it, and what they do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import jwt

from tests.conftest import CORE_SECRET, CoreReceiver, Identity, Organization, Person, bearer

ROLES = ("owner", "admin", "standard", "viewer", "client")


@dataclass
class Member:
    """Somebody who is signed in to an organization."""

    identity: Identity
    person: Person
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)

    @property
    def id(self) -> UUID:
        return self.person.id

    @property
    def claims(self) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(self.access_token, options={"verify_signature": False})
        return claims

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = bearer(self.access_token)
        return await self.identity.client.request(method, path, headers=headers, **options)

    async def refresh(self, **form: str) -> "Member":
        response = await self.identity.refresh(self.refresh_token, **form)
        assert response.status_code == 200, response.text
        answer = response.json()
        return Member(self.identity, self.person, answer["access_token"], answer["refresh_token"])

    async def results(self, path: str) -> list[dict[str, Any]]:
        response = await self.call("GET", path)
        assert response.status_code == 200, response.text
        results: list[dict[str, Any]] = response.json()["results"]
        return results


@dataclass
class Team:
    """An organization, and whoever of it was asked for by role."""

    identity: Identity
    organization: Organization
    members: dict[str, Member]

    def __getitem__(self, role: str) -> Member:
        return self.members[role]

    async def add(self, role: str) -> Member:
        """One more, signed in."""
        person = await self.identity.make_person()
        await self.identity.join(person, self.organization, role)
        return await signed_in(self.identity, person, self.organization)

    async def row(self, person_id: UUID) -> Any:
        return await self.identity.admin.fetchrow(
            "SELECT * FROM memberships WHERE tenant_id = $1 AND person_id = $2",
            self.organization.id,
            person_id,
        )

    async def owners(self) -> set[UUID]:
        rows = await self.identity.admin.fetch(
            "SELECT person_id FROM memberships WHERE tenant_id = $1 AND role = 'owner' AND active",
            self.organization.id,
        )
        return {row["person_id"] for row in rows}


async def signed_in(identity: Identity, person: Person, organization: Organization) -> Member:
    answer = await identity.sign_in(person, tenant_id=str(organization.id))
    return Member(identity, person, answer["access_token"], answer["refresh_token"])


async def make_team(identity: Identity, roles: Sequence[str] = ROLES) -> Team:
    team = Team(identity, await identity.make_organization(), {})
    for role in roles:
        team.members[role] = await team.add(role)
    return team


def refused(response: httpx.Response, status: int, detail: str) -> None:
    assert (response.status_code, response.json()["detail"]) == (status, detail), response.text


async def internal_token(identity: Identity) -> str:
    """A token of the core for the internal operations of identity."""
    response = await identity.client.post(
        "/token",
        data={"grant_type": "client_credentials", "audience": "identity-service/internal"},
        auth=("product-core-api", CORE_SECRET.replace("%", "%25").replace("+", "%2B")),
    )
    assert response.status_code == 200, response.text
    return str(response.json()["access_token"])


def told(core: CoreReceiver, tenant_id: UUID, person_id: UUID) -> list[dict[str, Any]]:
    """What the core was told of a membership, in the order in which it came in."""
    path = f"/internal/members/{tenant_id}/{person_id}"
    return [each.body for each in list(core.received) if (each.method, each.path) == ("PUT", path)]


def events_told(core: CoreReceiver, tenant_id: UUID) -> list[dict[str, Any]]:
    """The security events of an organization that the core was told of."""
    return [
        event
        for each in list(core.received)
        for event in each.body.get("events", [])
        if event["tenant_id"] == str(tenant_id)
    ]
