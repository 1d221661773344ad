"""The deployment under examination: where it is, how it is asked, what it has answered so far."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

__all__ = ["Deployment", "NotLookedAt", "Place", "Target", "is_local", "reason_of"]

_TIMEOUT = 15.0
_NO_CORE = "no URL of the core was given"
_METADATA = "/.well-known/oauth-authorization-server"
T = TypeVar("T")


class NotLookedAt(Exception):
    """Why an examination looked at nothing, in some words."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is examined, and what may be used for it.

    `issuer` is the identity service's URL as its clients call it. `person` is an address and a
    password, `client` id and secret of a service account, `resource` those of the core itself.
    `databases` are URLs for asyncpg by role (`identity_app`). `origin` is one whose pages may call
    the services. `max_age` and `rotation_days` are as the identity service has them.
    """

    issuer: str
    core: str | None = None
    person: tuple[str, str] | None = field(default=None, repr=False)
    client: tuple[str, str] | None = field(default=None, repr=False)
    resource: tuple[str, str] | None = field(default=None, repr=False)
    databases: Mapping[str, str] = field(default_factory=dict, repr=False)
    origin: str | None = None
    max_age: int | None = None
    rotation_days: float = 30


@dataclass(frozen=True, slots=True)
class Place:
    """One of the two services: `me` is an operation that asks for no more than a good token."""

    name: str
    url: str
    me: str
    internal: tuple[str, str]

    @property
    def pages(self) -> tuple[str, ...]:
        """Paths whose answers stand for all: of success, without a token, for people, nowhere."""
        return ("/health/live", self.me, "/docs", "/no-such-page")


class Deployment:
    """Asks a deployment. The same question is asked once, whoever needs the answer."""

    def __init__(self, target: Target, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.target = target
        # No proxy of the environment gets to see secrets, and no redirect is followed with one.
        self._http = httpx.AsyncClient(
            timeout=_TIMEOUT,
            trust_env=False,
            transport=transport,
            limits=httpx.Limits(max_connections=100),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # it keeps none
        )
        self._kept: dict[str, Any] = {}
        self.sessions: list[Callable[[], Awaitable[object]]] = []
        """What ends the sessions that were begun here."""
        self.unreachable: dict[str, str] = {}
        """Services that did not answer: why."""

    async def aclose(self) -> None:
        """End the sessions that were begun, and close all connections."""
        for end in self.sessions:
            try:
                await end()
            except Exception:  # noqa: BLE001, S112  it ends by itself, within minutes
                continue
        await self._http.aclose()

    @property
    def identity(self) -> Place:
        """The identity service."""
        url = self.target.issuer.rstrip("/")
        nobody = "00000000-0000-0000-0000-000000000000"
        return Place("identity", url, "/me", ("PUT", f"/internal/tenants/{nobody}"))

    @property
    def core(self) -> Place:
        """The core. Raises NotLookedAt."""
        if self.target.core is None:
            raise NotLookedAt(_NO_CORE)
        if "core" in self.unreachable:
            raise NotLookedAt("the core cannot be reached")
        url = self.target.core.rstrip("/")
        return Place("core", url, "/api/v1/me", ("POST", "/internal/revocations"))

    @property
    def places(self) -> Iterator[Place]:
        """The services that can be looked at."""
        yield self.identity
        if self.target.core is not None and "core" not in self.unreachable:
            yield self.core

    async def ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        """One request, which brings no cookie but its own. Raises httpx.HTTPError."""
        return await self._http.request(method, url, **options)

    async def get(self, place: Place, path: str) -> httpx.Response:
        """GET without a token; asked once."""
        url = place.url + path
        return await self.once(f"GET {url}", lambda: self.ask("GET", url))

    async def pages(self, *, documents: bool = True) -> list[tuple[str, httpx.Response]]:
        """The answers that stand for all of a service's, each with its place and path."""
        return [
            (f"{place.name} {path}", await self.get(place, path))
            for place in self.places
            for path in place.pages
            if documents or path != "/docs"
        ]

    async def with_token(
        self, place: Place, token: str, path: str | None = None, method: str = "GET"
    ) -> httpx.Response:
        """Ask a service with a bearer token, for `me` if no path is given."""
        headers = {"Authorization": f"Bearer {token}"}
        return await self.ask(method, place.url + (path or place.me), headers=headers)

    async def metadata_answer(self) -> httpx.Response:
        """What is answered for the metadata, whatever it is (RFC 8414 section 3.1)."""
        parts = urlsplit(self.target.issuer)
        path = parts.path.rstrip("/")
        url = f"{parts.scheme}://{parts.netloc}{_METADATA}{path}"
        return await self.once("metadata", lambda: self.ask("GET", url))

    async def metadata(self) -> dict[str, Any]:
        """The metadata of the authorization server. Raises NotLookedAt."""
        answer = await self.metadata_answer()
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise NotLookedAt("the metadata cannot be read")
        return document

    async def endpoint(self, name: str) -> str:
        """An endpoint that the metadata name. Raises NotLookedAt.

        Secrets go to no other origin than the one that was asked, whatever the metadata say.
        """
        url = (await self.metadata()).get(name)
        if not isinstance(url, str):
            raise NotLookedAt(f"the metadata name no {name}")
        if urlsplit(url)[:2] != urlsplit(self.target.issuer)[:2]:
            raise NotLookedAt(f"{name} lies on another origin")
        return url

    async def form(
        self,
        endpoint: str,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **form: str,
    ) -> httpx.Response:
        """Send a form to the endpoint that the metadata name so."""
        url = await self.endpoint(endpoint)
        options = {"auth": auth} if auth else {}
        return await self.ask("POST", url, data=form, headers=headers, **options)

    async def once(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` returns or raises, which happens once for a key."""
        if key not in self._kept:
            try:
                self._kept[key] = await make()
            except Exception as error:  # noqa: BLE001  kept, and raised again below
                self._kept[key] = error
        kept = self._kept[key]
        if isinstance(kept, Exception):
            raise kept
        found: T = kept
        return found


def is_local(url: str) -> bool:
    """Whether a URL leads to this machine, where http is good enough."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def reason_of(error: httpx.HTTPError) -> str:
    """Why something was not answered, in a line."""
    request = error._request  # noqa: SLF001  its property raises where there is none
    where = "" if request is None else f"{request.url.scheme}://{request.url.netloc.decode()} "
    said = " ".join(str(error).split())
    return f"{where}cannot be reached: {type(error).__name__}{': ' + said if said else ''}"
