"""Service accounts of test organizations, made through the API by their owners."""

from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import httpx
import jwt

from tests.conftest import Identity, Organization, Person, bearer


def basic(client_id: str, secret: str) -> dict[str, str]:
    """RFC 6749 2.3.1: both halves form-encoded before they are joined."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def claims_in(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def refused(response: httpx.Response, error: str, detail: str, status: int = 400) -> None:
    """An OAuth endpoint refused, as RFC 6749 5.2 says."""
    assert response.status_code == status, response.text
    assert response.json().keys() == {"error", "error_description", "detail"}
    assert (response.json()["error"], response.json()["detail"]) == (error, detail)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    assert ("www-authenticate" in response.headers) == (status == 401)


@dataclass(frozen=True)
class Owner:
    """Somebody who is signed in to an organization."""

    identity: Identity
    person: Person
    organization: Organization
    token: str = field(repr=False)

    @classmethod
    async def make(cls, identity: Identity, role: str = "owner") -> "Owner":
        person, organization = await identity.make_member(role)
        token = (await identity.sign_in(person))["access_token"]
        return cls(identity, person, organization, token)

    async def call(self, method: str, path: str = "", **options: Any) -> httpx.Response:
        """`path` begins behind `/service-accounts`."""
        return await self.identity.client.request(
            method,
            f"/service-accounts{path}",
            headers=bearer(self.token) | options.pop("headers", {}),
            **options,
        )

    async def create(self, role: str = "standard", **body: Any) -> "Account":
        response = await self.call("POST", json={"name": "Importer", "role": role, **body})
        assert response.status_code == 201, response.text
        secret = response.json()["secret"]
        return Account(self, secret["client_id"], secret["client_secret"], secret["id"])


@dataclass(frozen=True)
class Account:
    """A service account, with its first secret."""

    owner: Owner
    id: str
    secret: str = field(repr=False)
    secret_id: str

    @property
    def path(self) -> str:
        return f"/{self.id}"

    async def detail(self) -> dict[str, Any]:
        response = await self.owner.call("GET", self.path)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def revoke(self) -> None:
        assert (await self.owner.call("DELETE", self.path)).status_code == 204

    async def ask(self, secret: str | None = None, **form: str) -> httpx.Response:
        """Ask for a token, with `client_secret_basic`."""
        return await self.owner.identity.client.post(
            "/token",
            data={"grant_type": "client_credentials", **form},
            headers=basic(self.id, self.secret if secret is None else secret),
        )

    async def token(self, **form: str) -> str:
        response = await self.ask(**form)
        assert response.status_code == 200, response.text
        token: str = response.json()["access_token"]
        return token

    async def post(self, path: str, **form: str) -> httpx.Response:
        """Call an OAuth endpoint as this account."""
        return await self.owner.identity.client.post(
            path, data=form, headers=basic(self.id, self.secret)
        )
