"""One access token, issued for this: what it says, who accepts it, who must not."""

from uuid import UUID

import httpx

from shared_lib.doctor._bearer import refusal_fault
from shared_lib.doctor._deployment import Deployment, NotLookedAt
from shared_lib.doctor._examination import examination
from shared_lib.doctor._issuing import end_with, issued, token_answer
from shared_lib.doctor._keys import verification_keys
from shared_lib.doctor._token_endpoint import storing_faults
from shared_lib.errors import ApiError
from shared_lib.tokens import (
    CORE_AUDIENCE,
    IDENTITY_AUDIENCE,
    PEOPLE_AUDIENCES,
    TokenVerifier,
    VerificationKey,
    base64url_decode,
    base64url_encode,
    internal_audience,
)

_SECTION = "tokens"
_LONGEST = 900  # seconds
_SKEW = 30
_REQUIRED = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")
_PERSONAL = frozenset(
    {"email", "name", "given_name", "family_name", "preferred_username", "phone_number", "address"}
)


@examination(_SECTION, "a token is issued", "RFC 6749 §5.1")
async def answered(deployment: Deployment) -> list[str]:
    answer = await token_answer(deployment)
    try:
        told = answer.json()
    except ValueError:
        told = {}
    if answer.status_code != httpx.codes.OK:
        return [f"none: {answer.status_code} {told.get('detail') or told.get('error')}"]
    faults = []
    if str(told.get("token_type")).lower() != "bearer":
        faults.append(f"token_type is {told.get('token_type')!r}")
    claims = (await issued(deployment)).claims
    if told.get("expires_in") != claims.get("exp", 0) - claims.get("iat", 0):
        faults.append(f"expires_in is {told.get('expires_in')}, and the claims say otherwise")
    return faults


@examination(_SECTION, "the answer with the token is stored by nobody", "RFC 6749 §5.1")
async def not_stored(deployment: Deployment) -> list[str]:
    await issued(deployment)
    return storing_faults("token_endpoint", await token_answer(deployment))


@examination(_SECTION, "its typ is at+jwt", "RFC 9068 §2.1, RFC 8725 §3.11")
async def typ(deployment: Deployment) -> list[str]:
    told = (await issued(deployment)).header.get("typ")
    return [] if told == "at+jwt" else [f"typ is {told!r}"]


@examination(_SECTION, "its alg is RS256", "RFC 9068 §2.1, RFC 8725 §3.1")
async def alg(deployment: Deployment) -> list[str]:
    told = (await issued(deployment)).header.get("alg")
    return [] if told == "RS256" else [f"alg is {told!r}"]


@examination(_SECTION, "its key is in the key set", "RFC 7515 §4.1.4, RFC 9068 §4")
async def kid(deployment: Deployment) -> list[str]:
    told = (await issued(deployment)).header.get("kid")
    if told in await verification_keys(deployment):
        return []
    return [f"it names the key {told!r}, which is not published: nobody can verify it"]


@examination(
    _SECTION, "its iss is the issuer, byte for byte", "RFC 9068 §4, RFC 8414 §2, RFC 8725 §3.8"
)
async def iss(deployment: Deployment) -> list[str]:
    told, wanted = (await issued(deployment)).claims.get("iss"), deployment.target.issuer
    return [] if told == wanted else [f"iss is {told!r}, not {wanted!r}"]


@examination(_SECTION, "its aud names the two services", "RFC 9068 §2.2, RFC 8725 §3.9, ASVS 9.2.4")
async def aud(deployment: Deployment) -> list[str]:
    told = (await issued(deployment)).claims.get("aud")
    return [] if told == list(PEOPLE_AUDIENCES) else [f"aud is {told!r}"]


@examination(_SECTION, "it has every claim that a token must have", "RFC 9068 §2.2")
async def claims(deployment: Deployment) -> list[str]:
    told = (await issued(deployment)).claims
    return [f"{name} is missing" for name in _REQUIRED if name not in told]


@examination(_SECTION, "it lives 15 minutes at most", "RFC 6750 §5.3, ASVS 9.2.1")
async def life(deployment: Deployment) -> list[str]:
    told = (await issued(deployment)).claims
    seconds = told.get("exp", 0) - told.get("iat", 0)
    return [] if 0 < seconds <= _LONGEST else [f"it lives {seconds} s"]


@examination(_SECTION, "it was issued now, by this machine's clock", "RFC 7519 §4.1.6")
async def iat(deployment: Deployment) -> list[str]:
    token = await issued(deployment)
    skew = token.claims.get("iat", 0) - token.issued_at
    return [] if abs(skew) <= _SKEW else [f"iat is {skew:+.0f} s away from now"]


@examination(_SECTION, "it carries no name and no address", "RFC 9068 §6, ASVS 14.2.6")
async def impersonal(deployment: Deployment) -> list[str]:
    told = (await issued(deployment)).claims
    return [
        f"the claim {name} is about a person"
        for name, value in told.items()
        if name in _PERSONAL or (isinstance(value, str) and "@" in value)
    ]


@examination(_SECTION, "our own verifier accepts it", "RFC 9068 §4, RFC 7519 §7.2")
async def verified(deployment: Deployment) -> list[str]:
    token = await issued(deployment)
    keys = await verification_keys(deployment)

    class Keys:
        async def key(self, kid: str) -> VerificationKey | None:
            return keys.get(kid)

    verifier = TokenVerifier(issuer=deployment.target.issuer, keys=Keys(), audience=CORE_AUDIENCE)
    try:
        await verifier.verify(token.token)
    except ApiError as refused:
        return [f"it is refused: {refused.__cause__}"]
    return []


@examination(_SECTION, "both services accept it", "RFC 6750 §2.1")
async def accepted(deployment: Deployment) -> list[str]:
    token, faults = await issued(deployment), []
    for place in deployment.places:
        answer = await deployment.with_token(place, token.token)
        # The core knows every caller; identity has people only, and says so to a program.
        forbidden = answer.status_code == httpx.codes.FORBIDDEN and not token.is_person
        if not (answer.is_success or (forbidden and place.name == "identity")):
            faults.append(f"{place.name} answers it with {answer.status_code}")
    return faults


@examination(
    _SECTION,
    "in the query of a URL it is not accepted",
    "RFC 9700 §4.3.2, RFC 6750 §2.3, ASVS 14.2.1",
)
async def not_in_query(deployment: Deployment) -> list[str]:
    token, faults = await issued(deployment), []
    for place in deployment.places:
        answer = await deployment.ask(
            "GET", place.url + place.me, params={"access_token": token.token}
        )
        if answer.status_code != httpx.codes.UNAUTHORIZED:
            faults.append(f"{place.name} answers it there with {answer.status_code}, not 401")
    return faults


@examination(
    _SECTION, "once it is altered it is refused", "RFC 7515 §5.2, RFC 8725 §3.3, ASVS 9.1.1"
)
async def unaltered(deployment: Deployment) -> list[str]:
    token, faults = await issued(deployment), []
    header, payload, signature = token.token.split(".")
    changed = base64url_decode(payload).replace(
        str(token.claims.get("sub")).encode(), str(UUID(int=0)).encode()
    )
    altered = f"{header}.{base64url_encode(changed)}.{signature}"
    for place in deployment.places:
        faults += refusal_fault(
            place, "with another subject", await deployment.with_token(place, altered)
        )
    return faults


@examination(
    _SECTION,
    "a token for another audience is refused",
    "RFC 9068 §4, RFC 8725 §3.9, ASVS 9.2.3, 10.3.1",
)
async def audience(deployment: Deployment) -> list[str]:
    faults, looked = [], False
    if deployment.target.client is not None:
        token = await _for_audience(deployment, deployment.target.client, CORE_AUDIENCE)
        answer = await deployment.with_token(deployment.identity, token)
        faults += refusal_fault(deployment.identity, f"for {CORE_AUDIENCE}", answer)
        looked = True
    others = (
        (deployment.target.client, IDENTITY_AUDIENCE),
        (deployment.target.resource, internal_audience(IDENTITY_AUDIENCE)),
    )
    for client, other in others:
        if client is not None:
            token = await _for_audience(deployment, client, other)
            answer = await deployment.with_token(deployment.core, token)
            faults += refusal_fault(deployment.core, f"for {other}", answer)
            looked = True
    if not looked:
        raise NotLookedAt("no client was given that can ask for one")
    return faults


@examination(
    _SECTION, "operations between the services refuse it", "RFC 8725 §3.9, §3.12, ASVS 8.2.1"
)
async def not_internal(deployment: Deployment) -> list[str]:
    token, faults = await issued(deployment), []
    for place in deployment.places:
        method, path = place.internal
        answer = await deployment.with_token(place, token.token, path, method)
        faults += refusal_fault(place, f"of a caller from outside, at {path},", answer)
    return faults


EXAMINATIONS = (
    *(answered, not_stored, typ, alg, kid, iss, aud, claims, life, iat, impersonal, verified),
    *(accepted, not_in_query, unaltered, audience, not_internal),
)


async def _for_audience(deployment: Deployment, client: tuple[str, str], audience: str) -> str:
    answer = await deployment.form(
        "token_endpoint", auth=client, grant_type="client_credentials", audience=audience
    )
    token = answer.json().get("access_token")
    if not isinstance(token, str):
        raise NotLookedAt(f"no token for {audience} was issued: {answer.status_code}")
    if client == deployment.target.client:  # those between the services cannot be given back
        end_with(deployment, token, client)
    return token
