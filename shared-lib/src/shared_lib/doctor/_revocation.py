"""What is left of a token that was given back, and how soon everybody knows."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import httpx

from shared_lib.doctor._deployment import Deployment, NotLookedAt
from shared_lib.doctor._examination import examination
from shared_lib.doctor._issuing import Issued, ask_for_token, issued, read_token
from shared_lib.doctor._reach import health

_SECTION = "revocation"
_DEFAULT_BOUND = 5.0
_LONGEST_BOUND = 10.0
_STALE = 300.0  # seconds: by default it is measured every fifteen
_PAUSE = 0.1
_NO_CLIENT = "no client was given that may introspect"


@dataclass(frozen=True, slots=True)
class _Revoked:
    token: Issued
    told_before: dict[str, Any] | None
    """What introspection said while the token lived; None: nobody could ask."""
    answer: httpx.Response
    at: float


@examination(_SECTION, "a token that lives is told as it is", "RFC 7662 §2.2")
async def introspected(deployment: Deployment) -> list[str]:
    revoked = await _revoked(deployment)
    told = revoked.told_before
    if told is None:
        raise NotLookedAt(_NO_CLIENT)
    if told.get("active") is not True:
        return ["introspection calls it not active"]
    names = ("iss", "sub", "exp", "iat", "jti", "client_id")
    return [
        f"introspection says {name} = {told[name]!r}, the token {revoked.token.claims.get(name)!r}"
        for name in names
        if name in told and told[name] != revoked.token.claims.get(name)
    ]


@examination(_SECTION, "it can be given back", "RFC 7009 §2.2")
async def revoked(deployment: Deployment) -> list[str]:
    answer = (await _revoked(deployment)).answer
    if answer.status_code == httpx.codes.OK:
        return []
    return [f"POST /revoke is answered with {answer.status_code}"]


@examination(_SECTION, "afterwards it is not active, and no more is said", "RFC 7662 §2.2, §4")
async def inactive(deployment: Deployment) -> list[str]:
    told = await _introspection(deployment, (await _revoked(deployment)).token.token)
    if told is None:
        raise NotLookedAt(_NO_CLIENT)
    if told == {"active": False}:
        return []
    if told.get("active") is not False:
        return ["introspection still calls it active"]
    return [f"introspection also says {', '.join(sorted(told.keys() - {'active'}))}"]


@examination(_SECTION, "identity refuses it at once", "RFC 7009 §2, ASVS 7.4.1")
async def refused_by_identity(deployment: Deployment) -> list[str]:
    revoked = await _revoked(deployment)
    if not revoked.token.is_person:
        raise NotLookedAt("identity has no operation for service accounts")
    answer = await deployment.with_token(deployment.identity, revoked.token.token)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return []
    return [f"it is answered with {answer.status_code}, not 401"]


@examination(_SECTION, "its refresh token is dead, too", "RFC 7009 §2.1, ASVS 7.4.1")
async def refresh_dead(deployment: Deployment) -> list[str]:
    refresh_token = (await _revoked(deployment)).token.refresh_token
    if refresh_token is None:
        raise NotLookedAt("no refresh token was issued")
    answer = await deployment.form(
        "token_endpoint", grant_type="refresh_token", refresh_token=refresh_token
    )
    return ["it still gets new tokens"] if answer.is_success else []


@examination(_SECTION, "the core refuses it within the bound", "ASVS 7.4.1, 8.3.2")
async def refused_by_core(deployment: Deployment) -> list[str]:
    core, revoked = deployment.core, await _revoked(deployment)
    seconds = float((await _told(deployment)).get("bound_seconds") or _DEFAULT_BOUND)
    while True:
        answer = await deployment.with_token(core, revoked.token.token)
        passed = time.monotonic() - revoked.at
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            break
        if passed > seconds + 1:
            return [f"{passed:.1f} s after it was revoked it is answered with {answer.status_code}"]
        await asyncio.sleep(_PAUSE)
    return [f"it did after {passed:.1f} s: the bound is {seconds:g} s"] if passed > seconds else []


@examination(_SECTION, "the bound is measured, and holds", "ASVS 8.3.2, docs/how-to/operate.md")
async def bound(deployment: Deployment) -> list[str]:
    told = await _told(deployment)
    if not told:
        return ["identity's /health/ready says nothing of revocation"]
    limit, measured = told.get("bound_seconds"), told.get("measured_seconds")
    ago, exceeded = told.get("measured_seconds_ago"), told.get("exceeded_by_seconds")
    faults = []
    if not isinstance(limit, int | float) or limit > _LONGEST_BOUND:
        faults.append(f"the bound is {limit} s")
    if not isinstance(measured, int | float) or not isinstance(ago, int | float):
        faults.append("nobody has measured yet: does identity's worker run?")
    elif ago > _STALE:
        faults.append(f"it was measured {ago:.0f} s ago: does identity's worker run?")
    if exceeded:
        faults.append(f"the bound of {limit} s is exceeded by {exceeded} s")
    return faults


EXAMINATIONS = (
    *(introspected, revoked, inactive, refused_by_identity, refresh_dead, refused_by_core, bound),
)


async def _revoked(deployment: Deployment) -> _Revoked:
    """A token of its own, asked about and given back; the others live on. Raises NotLookedAt."""

    async def make() -> _Revoked:
        await issued(deployment)  # one attempt with credentials that are wrong is enough
        token = read_token(deployment, await ask_for_token(deployment))
        told = await _introspection(deployment, token.token)
        auth = None if token.is_person else deployment.target.client
        if "core" not in deployment.unreachable and deployment.target.core is not None:
            # So that a refusal is not one that had nothing to do with it.
            answer = await deployment.with_token(deployment.core, token.token)
            if not answer.is_success:
                raise NotLookedAt(f"the core answers a new token with {answer.status_code}")
        answer = await deployment.form("revocation_endpoint", auth=auth, token=token.token)
        return _Revoked(token, told, answer, time.monotonic())

    return await deployment.once("revoked", make)


async def _introspection(deployment: Deployment, token: str) -> dict[str, Any] | None:
    """What introspection says of a token; None without a client that may ask."""
    client = deployment.target.resource or deployment.target.client
    if client is None:
        return None
    answer = await deployment.form("introspection_endpoint", auth=client, token=token)
    if answer.status_code != httpx.codes.OK:
        return {"active": f"answered with {answer.status_code}"}
    told = answer.json()
    return told if isinstance(told, dict) else {}


async def _told(deployment: Deployment) -> dict[str, Any]:
    """What identity says of the bound now: what waits for the core counts, ours too."""
    details = (await health(deployment, deployment.identity, again=True)).get("details") or {}
    told = details.get("revocation")
    return told if isinstance(told, dict) else {}
