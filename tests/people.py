"""People of the demo data at work: signing in, calling both services."""

from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx

from shared_lib.testing.forgery import claims_of
from shared_lib.testing.mail import links_in, mails_in
from tests.system import System, eventually

API = "/api/v1"
PASSWORD = "demo-password-123"
REASON = "The customer cannot see the spring market"

STAFF = {"platform@numbersence.com": "platform123", "support@numbersence.com": "support123"}


def organization(slug: str) -> UUID:
    """The id of a demo organization."""
    return uuid5(NAMESPACE_URL, f"https://{slug}.example.com")


ACME, GLOBEX = organization("acme"), organization("globex")


@dataclass
class Caller:
    """Somebody with an access token, and with a refresh token if it came from signing in."""

    system: System
    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        tokens = {self.access_token, self.refresh_token} - {None}
        self.system.secrets |= {str(token) for token in tokens}
        self.system.secrets.add(self.access_token.rpartition(".")[2])

    @property
    def claims(self) -> dict[str, Any]:
        return claims_of(self.access_token)

    @property
    def id(self) -> str:
        return str(self.claims["sub"])

    def call(self, method: str, url: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.access_token}", **options.pop("headers", {})}
        return self.system.client.request(method, url, headers=headers, **options)

    def core(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the core; `path` begins behind `/api/v1`."""
        return self.call(method, f"{self.system.core.url}{API}{path}", **options)

    def identity(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the identity service."""
        return self.call(method, f"{self.system.identity.url}{path}", **options)

    def results(self, path: str, **params: str) -> list[dict[str, Any]]:
        """The first page of a list of the core."""
        response = self.core("GET", path, params=params)
        assert response.status_code == 200, response.text
        results: list[dict[str, Any]] = response.json()["results"]
        return results

    def popups(self) -> set[str]:
        """The names of the organization's popups."""
        return {popup["name"] for popup in self.results("/popups")}

    def sign_out(self) -> None:
        response = self.identity("POST", "/logout")
        assert response.status_code == 204, response.text

    def impersonate(self, tenant_id: UUID = ACME, **wish: Any) -> "Caller":
        """Begin a support session, and be the one who acts in it."""
        response = self.start_support(tenant_id, **wish)
        assert response.status_code == 201, response.text
        return Caller(self.system, response.json()["access_token"])

    def start_support(self, tenant_id: UUID = ACME, **wish: Any) -> httpx.Response:
        body = {"reason": REASON, **wish}
        return self.core("POST", f"/support/impersonate/{tenant_id}", json=body)


@dataclass(frozen=True)
class Account:
    """A service account of an organization."""

    system: System
    id: str
    secret_id: str
    secret: str = field(repr=False)

    def ask(self) -> httpx.Response:
        """Ask for a token."""
        return self.post("/token", grant_type="client_credentials")

    def post(self, path: str, **form: str) -> httpx.Response:
        """Call an OAuth endpoint as this account; its id and secret need no form-encoding."""
        url = f"{self.system.identity.url}{path}"
        return self.system.client.post(url, data=form, auth=(self.id, self.secret))

    def sign_in(self) -> Caller:
        """With a fresh token."""
        response = self.ask()
        assert response.status_code == 200, response.text
        return Caller(self.system, response.json()["access_token"])


def create_account(owner: Caller, role: str = "standard", name: str = "Importer") -> Account:
    """A new service account of the organization of `owner`."""
    body = {"name": name, "role": role}
    response = owner.identity("POST", "/service-accounts", json=body)
    assert response.status_code == 201, response.text
    secret = response.json()["secret"]
    owner.system.secrets.add(secret["client_secret"])
    return Account(owner.system, secret["client_id"], secret["id"], secret["client_secret"])


def invite(owner: Caller, email: str, role: str = "standard") -> tuple[str, str]:
    """Invite an address into the organization of `owner`: the invitation's id, its link's token."""
    directory = owner.system.configuration.data / "mail"
    before = len(mails_in(directory, email))
    body = {"email": email, "role": role}
    response = owner.identity("POST", "/invitations", json=body)
    assert response.status_code == 201, response.text
    links = eventually(
        "the invitation is mailed",
        lambda: [link for mail in mails_in(directory, email)[before:] for link in links_in(mail)],
    )
    token = next(link.partition("#token=")[2] for link in links if "#token=" in link)
    owner.system.secrets.add(token)
    return response.json()["id"], token


def join(owner: Caller, email: str, role: str = "standard") -> "Caller":
    """Invite somebody new, let him accept, and sign him in."""
    _, token = invite(owner, email, role)
    response = owner.system.client.post(
        f"{owner.system.identity.url}/invitations/accept",
        json={"token": token, "name": "Grace Hopper", "password": PASSWORD},
    )
    assert response.status_code == 201, response.text
    return sign_in(owner.system, email)


def token_request(system: System, **form: str) -> httpx.Response:
    """Send a form to the token endpoint."""
    return system.client.post(f"{system.identity.url}/token", data=form)


def sign_in(system: System, address: str, **form: str) -> Caller:
    """`address` of an account of the demo data."""
    password = STAFF.get(address, PASSWORD)
    response = token_request(system, username=address, password=password, **form)
    assert response.status_code == 200, response.text
    return Caller(system, response.json()["access_token"], response.json()["refresh_token"])


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Status and stable code of a refused request."""
    assert response.is_error, response.text
    return response.status_code, response.json()["detail"]


def is_refused(caller: Caller, code: str) -> bool:
    """Whether the core answers `caller` with `code`; anything but that or success fails."""
    response = caller.core("GET", "/popups")
    assert response.is_success or response.json()["detail"] == code, response.text
    return response.is_error
