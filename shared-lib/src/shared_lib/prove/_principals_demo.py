"""Everybody, over HTTP: the accounts of the demo data signed in, and what they need made for them.

It happens in the organization `proving`, which nobody uses for anything else; `bystander` is the
one whose things must stay out of reach. What stays behind: events in their audit logs, support
sessions that have ended, service accounts and invitations that are revoked. A run that was cut
short may leave `proving` suspended, until the next one begins.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from shared_lib.demo import (
    LONER,
    PASSWORD,
    PLATFORM_ADMIN,
    SUPPORT_AGENT,
    member_address,
    organization_id,
)
from shared_lib.prove._principals import MEMBERS, PROGRAMS, Cast, Cell, Principal, cells_of
from shared_lib.prove._principals_http import Installation, claims_of
from shared_lib.prove._principals_signed import InstallationSecrets, hostile_tokens, service_tokens
from shared_lib.tenancy import AccessMode

__all__ = ["Neighbour", "Stage", "staged"]

PROVING, BYSTANDER = "proving", "bystander"

_API = "/api/v1"
_REASON = "phasezero prove looks whether what must be refused is"
_SUPPORT = {
    Principal.SUPPORT_READ: (Principal.SUPPORT_AGENT, "read_only", None),
    Principal.SUPPORT_WRITE: (Principal.SUPPORT_AGENT, "read_write", None),
    # Requests of a support session count as its agent's: two of them share the rate limit.
    Principal.SUPPORT_READ_OWNER: (Principal.PLATFORM_ADMIN, "read_only", Principal.OWNER),
    Principal.SUPPORT_WRITE_OWNER: (Principal.PLATFORM_ADMIN, "read_write", Principal.OWNER),
    Principal.SUPPORT_WRITE_VIEWER: (Principal.PLATFORM_ADMIN, "read_write", Principal.VIEWER),
    Principal.SUPPORT_WRITE_CLIENT: (Principal.SUPPORT_AGENT, "read_write", Principal.CLIENT),
}
_ACCOUNTS = {
    Principal.PERSON: (LONER, PASSWORD),
    Principal.SUPPORT_AGENT: SUPPORT_AGENT,
    Principal.PLATFORM_ADMIN: PLATFORM_ADMIN,
    **{each: (member_address(each.value, PROVING), PASSWORD) for each in MEMBERS},
}
_NEIGHBOUR = (member_address("owner", BYSTANDER), PASSWORD)


@dataclass(frozen=True)
class Neighbour:
    """An organization and what is its own: by the names that parameters have for it.

    `owner` is an access token of its owner.
    """

    ids: Mapping[str, str]
    owner: str = field(repr=False)


@dataclass(frozen=True)
class Stage:
    """Who calls each service, and the two organizations between which nothing may pass.

    `forms` are bodies by which the attacker would be answered, of operations where what is made
    up would not.
    """

    casts: Mapping[str, Cast]
    own: Neighbour
    other: Neighbour
    forms: Mapping[str, Mapping[str, str]]


@asynccontextmanager
async def staged(
    core: httpx.AsyncClient,
    identity: httpx.AsyncClient,
    secrets: InstallationSecrets | None,
    *,
    spend: bool,
) -> AsyncIterator[Stage]:
    """Sign everybody in, and out again. Raises NotStaged, where there are no demo data for one.

    `spend`: members leave for good, and everybody is signed out wherever he is; for a system that
    nobody uses afterwards.
    """
    play = _Play(core, identity)
    try:
        yield await play.begin(secrets, spend=spend)
    finally:
        await play.end()


class _Play(Installation):
    """One run: what was made for it, so that it can be taken away again."""

    def __init__(self, core: httpx.AsyncClient, identity: httpx.AsyncClient) -> None:
        super().__init__(core, identity)
        self.tenant_id = str(organization_id(PROVING))
        self.people: dict[Principal, str] = {}
        self.made: list[tuple[str, httpx.AsyncClient, str]] = []
        """Whose, where and what is to be deleted in the end."""

    async def begin(self, secrets: InstallationSecrets | None, *, spend: bool) -> Stage:
        for principal, account in _ACCOUNTS.items():
            self.people[principal] = await self.sign_in(*account)
        neighbour = await self.sign_in(*_NEIGHBOUR)
        await self.enter(AccessMode.ACTIVE)
        owner = self.people[Principal.OWNER]
        consent = {"support_access": "read_write"}
        await self.call(self.core, "PUT", f"{_API}/org/support-access", owner, json=consent)
        programs = [await self._program(owner, each) for each in PROGRAMS]
        support = {each: await self._support(*wanted) for each, wanted in _SUPPORT.items()}
        inside = {
            **{each: self.people[each] for each in MEMBERS},
            **dict(zip(PROGRAMS, [token for token, _ in programs], strict=True)),
            **{each: started["access_token"] for each, started in support.items()},
        }
        session_id = support[Principal.SUPPORT_READ]["session_id"]
        own = await self._things(PROVING, owner, programs[0][1], session_id)
        other = await self._bystander(neighbour)
        cast = Cast(
            tokens=self._tokens(inside),
            enter=self.enter,
            spares=await self._spares(spend=spend),
            revoked=await self._revoked(),
        )
        casts = await self._with_secrets(cast, secrets)
        address, password = _ACCOUNTS[Principal.OWNER]
        forms = {"issue_token": {"username": address, "password": password}}
        return Stage(casts, own, other, forms)

    async def end(self) -> None:
        """As it was, as far as that goes. What does not work any more is gone already."""
        for principal in (Principal.PLATFORM_ADMIN, Principal.SUPPORT_AGENT, Principal.OWNER):
            if principal in self.people:
                self.people[principal] = await self.sign_in(*_ACCOUNTS[principal])
        if Principal.OWNER in self.people:
            await self.enter(AccessMode.ACTIVE)
            who = {**{each.value: token for each, token in self.people.items()}}
            who[BYSTANDER] = await self.sign_in(*_NEIGHBOUR)
            for whose, client, url in self.made:
                await self.call(client, "DELETE", url, who[whose], ignored=range(400, 500))
        await self.sign_out()

    async def enter(self, mode: AccessMode) -> None:
        """Have `proving` be in `mode`, as the platform's admin would, and both services know it."""
        steps = {
            AccessMode.ACTIVE: (("reactivate", {}), ("mark-paid", {})),
            AccessMode.READ_ONLY: (("reactivate", {}), ("mark-unpaid", {"reason": _REASON})),
            AccessMode.BLOCKED: (("suspend", {"reason": _REASON}),),
        }[mode]
        for step, body in steps:
            url = f"{_API}/admin/orgs/{self.tenant_id}/{step}"
            admin = self.people[Principal.PLATFORM_ADMIN]
            await self.call(self.core, "POST", url, admin, json=body, ignored=(409,))
        blocked = mode is AccessMode.BLOCKED
        owner = self.people[Principal.OWNER]
        await self.until(self.identity, "/members", owner, "tenant_blocked" if blocked else "")

    async def _program(self, owner: str, principal: Principal) -> tuple[str, dict[str, Any]]:
        """The token of a new service account, and the account."""
        role = principal.value.partition("(")[2].rstrip(")")
        body = {"name": f"phasezero prove ({role})", "role": role}
        made = await self.call(self.identity, "POST", "/service-accounts", owner, json=body)
        self.made.append(("owner", self.identity, f"/service-accounts/{made['id']}"))
        credentials = (made["id"], made["secret"]["client_secret"])
        form = {"grant_type": "client_credentials"}
        answer = await self.call(self.identity, "POST", "/token", data=form, auth=credentials)
        return answer["access_token"], made

    async def _support(
        self, agent: Principal, mode: str, member: Principal | None, slug: str = PROVING
    ) -> Any:
        body = {"reason": _REASON, "mode": mode}
        if member is not None:
            body["member_id"] = claims_of(self.people[member])["sub"]
        url = f"{_API}/support/impersonate/{organization_id(slug)}"
        started = await self.call(self.core, "POST", url, self.people[agent], json=body)
        url = f"{_API}/support/impersonate/{started['session_id']}"
        self.made.append((agent.value, self.core, url))
        return started

    async def _bystander(self, owner: str) -> Neighbour:
        body = {"name": f"phasezero prove {uuid4()}", "role": "viewer"}
        account = await self.call(self.identity, "POST", "/service-accounts", owner, json=body)
        self.made.append((BYSTANDER, self.identity, f"/service-accounts/{account['id']}"))
        started = await self._support(Principal.SUPPORT_AGENT, "read_only", None, BYSTANDER)
        return await self._things(BYSTANDER, owner, account, started["session_id"])

    async def _things(
        self, slug: str, owner: str, account: Mapping[str, Any], session_id: str
    ) -> Neighbour:
        """What belongs to an organization, one thing of each kind."""
        body = {"email": f"{uuid4()}@{slug}.example.com", "role": "viewer"}
        invited = await self.call(self.identity, "POST", "/invitations", owner, json=body)
        whose = BYSTANDER if slug == BYSTANDER else "owner"
        self.made.append((whose, self.identity, f"/invitations/{invited['id']}"))
        popups = await self.call(self.core, "GET", f"{_API}/popups", owner)
        members = await self.call(self.identity, "GET", "/members", owner)
        claims = claims_of(owner)
        people = [each["id"] for each in members["results"]]
        return Neighbour(
            {
                "tenant_id": str(organization_id(slug)),
                "popup_id": popups["results"][0]["id"],
                "session_id": session_id,
                "sid": claims["sid"],
                "account_id": account["id"],
                "secret_id": account["secret"]["id"],
                "invitation_id": invited["id"],
                "owner_id": claims["sub"],
                "person_id": next(each for each in people if each != claims["sub"]),
            },
            owner,
        )

    def _tokens(self, inside: Mapping[Principal, str]) -> dict[Cell, str | None]:
        outside = {Principal.NOBODY: None, **self.people}
        return {
            **{cell: outside[cell[0]] for cell in cells_of(None) if cell[0] in outside},
            **{(each, mode): inside[each] for mode in AccessMode for each, _ in cells_of(mode)},
        }

    async def _spares(self, *, spend: bool) -> dict[tuple[str, Cell], str]:
        """What is signed out with, and left with. The last owner cannot leave; he may try."""
        outside: list[Cell] = [(each, None) for each in _ACCOUNTS if each not in MEMBERS]
        active: list[Cell] = [(each, AccessMode.ACTIVE) for each in MEMBERS]
        wanted: list[tuple[str, Cell]] = [("logout", cell) for cell in outside]
        wanted += [("logout", (each, mode)) for mode in AccessMode for each in MEMBERS]
        everywhere = [*active, *outside] if spend else [*active, (Principal.PERSON, None)]
        wanted += [("logout_everywhere", cell) for cell in everywhere]
        if spend:
            wanted += [("leave_organization", cell) for cell in active if cell[0] != "owner"]
        accounts = [_ACCOUNTS[principal] for _, (principal, _) in wanted]
        tokens = await asyncio.gather(*(self.sign_in(*account) for account in accounts))
        spares = dict(zip(wanted, tokens, strict=True))
        for mode in (AccessMode.ACTIVE, AccessMode.READ_ONLY):
            spares["leave_organization", (Principal.OWNER, mode)] = self.people[Principal.OWNER]
        return spares

    async def _revoked(self) -> dict[Cell, str]:
        revoked: dict[Cell, str] = {}
        for cell in ((Principal.OWNER, AccessMode.ACTIVE), (Principal.PLATFORM_ADMIN, None)):
            token = revoked[cell] = await self.sign_in(*_ACCOUNTS[cell[0]])
            await self.call(self.identity, "POST", "/logout", token)
            await self.until(self.core, f"{_API}/me", token, "token_revoked")
        return revoked

    async def _with_secrets(
        self, cast: Cast, secrets: InstallationSecrets | None
    ) -> dict[str, Cast]:
        if secrets is None:
            return dict.fromkeys(("product-core-api", "identity-service"), cast)
        metadata = await self.call(self.identity, "GET", "/.well-known/oauth-authorization-server")
        services = await service_tokens(self.identity, secrets, metadata["issuer"])
        claims = claims_of(self.people[Principal.OWNER])
        hostile = hostile_tokens(secrets, metadata["issuer"], claims, int(time.time()))
        return {
            service: Cast(
                tokens={**cast.tokens, (Principal.SERVICE, None): token},
                enter=cast.enter,
                spares=cast.spares,
                hostile=hostile,
                revoked=cast.revoked,
            )
            for service, token in services.items()
        }
