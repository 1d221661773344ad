"""How both services treat whoever has no token, or one that is none."""

import httpx

from shared_lib.doctor._deployment import Deployment, Place
from shared_lib.doctor._examination import examination
from shared_lib.doctor._forgeries import Forger
from shared_lib.doctor._keys import verification_keys

_SECTION = "bearer"
_LONG = 9 * 1024


async def forger(deployment: Deployment) -> Forger:
    """Forges under the first published key. Raises NotLookedAt where none is."""

    async def make() -> Forger:
        kid, key = next(iter((await verification_keys(deployment)).items()))
        return Forger(deployment.target.issuer, kid, key.public)

    return await deployment.once("forger", make)


def refusal_fault(place: Place, what: str, answer: httpx.Response) -> list[str]:
    """Whether a token was refused as RFC 6750 section 3.1 says it."""
    if answer.status_code != httpx.codes.UNAUTHORIZED:
        return [f"{place.name}: a token {what} is answered with {answer.status_code}, not 401"]
    challenge = answer.headers.get("www-authenticate", "")
    if not challenge.startswith("Bearer") or 'error="invalid_token"' not in challenge:
        return [f'{place.name}: a token {what} is refused without error="invalid_token"']
    return []


@examination(
    _SECTION,
    "whoever has no token is challenged, without an error code",
    "RFC 6750 §3, §3.1, RFC 9110 §15.5.2",
)
async def challenged(deployment: Deployment) -> list[str]:
    faults = []
    for place in deployment.places:
        answer = await deployment.get(place, place.me)
        challenge = answer.headers.get("www-authenticate", "")
        if answer.status_code != httpx.codes.UNAUTHORIZED:
            faults.append(f"{place.name}: no token is answered with {answer.status_code}, not 401")
        elif not challenge.startswith("Bearer"):
            faults.append(f"{place.name}: WWW-Authenticate is {challenge!r}, not Bearer")
        elif "error" in challenge:
            faults.append(f"{place.name}: no token was sent, and the challenge names an error")
    return faults


@examination(_SECTION, "what is no token is refused as invalid_token", "RFC 6750 §3.1, RFC 9068 §4")
async def garbage(deployment: Deployment) -> list[str]:
    faults = []
    for place in deployment.places:
        for what, token in (
            ("that is garbage", "doctor"),
            ("of three empty parts", ".."),
            ("that is too long", "a" * _LONG),
        ):
            answer = await deployment.with_token(place, token)
            faults += refusal_fault(place, what, answer)
    return faults


@examination(
    _SECTION,
    "forged tokens are refused",
    "RFC 8725 §2.1, §3.1, §3.3, §3.10, §3.11, RFC 9068 §4, ASVS 9.1.1 to 9.1.3, 9.2.2",
)
async def forged(deployment: Deployment) -> list[str]:
    forge, faults = await forger(deployment), []
    for place in deployment.places:
        for what, make in forge.kinds.items():
            answer = await deployment.with_token(place, make())
            faults += refusal_fault(place, what, answer)
    return faults


@examination(_SECTION, "two Authorization headers are refused", "RFC 6750 §2, RFC 9110 §5.3")
async def one_authorization(deployment: Deployment) -> list[str]:
    faults = []
    for place in deployment.places:
        headers = [("Authorization", "Bearer doctor"), ("Authorization", "Basic ZG9jdG9yOg==")]
        answer = await deployment.ask("GET", place.url + place.me, headers=headers)
        if answer.status_code not in (httpx.codes.UNAUTHORIZED, httpx.codes.BAD_REQUEST):
            faults.append(f"{place.name}: two of them are answered with {answer.status_code}")
    return faults


@examination(
    _SECTION, "operations between the services are closed to everybody", "ASVS 8.2.1, 13.2.1"
)
async def internal_closed(deployment: Deployment) -> list[str]:
    faults = []
    for place in deployment.places:
        method, path = place.internal
        answer = await deployment.ask(method, place.url + path, json={})
        closed = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND)
        if answer.status_code not in closed:
            faults.append(f"{place.name} {path} is answered with {answer.status_code}")
    return faults


EXAMINATIONS = (challenged, garbage, forged, one_authorization, internal_closed)
