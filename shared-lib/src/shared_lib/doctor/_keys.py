"""The key set that tokens are verified with (RFC 7517)."""

import re
from collections.abc import Mapping
from typing import Any

import httpx

from shared_lib.doctor._deployment import Deployment, NotLookedAt
from shared_lib.doctor._examination import examination
from shared_lib.jwks import MEDIA_TYPE, KeySetRefused, read_jwks, thumbprint
from shared_lib.tokens import VerificationKey, base64url_decode, json_object

_SECTION = "keys"
_SMALLEST = 3072  # bits: what NIST SP 800-57 part 1 takes for 128 bits of security
_PUBLIC = frozenset({"kty", "use", "key_ops", "alg", "kid", "n", "e", "x5c", "x5t", "x5t#S256"})
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_LONGEST = 3600  # seconds: our verifiers keep no key set for longer
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])", re.IGNORECASE)


async def answer_of(deployment: Deployment) -> httpx.Response:
    """What is answered for the key set, whatever it is."""
    url = await deployment.endpoint("jwks_uri")
    return await deployment.once("jwks", lambda: deployment.ask("GET", url))


async def jwks(deployment: Deployment) -> list[dict[str, Any]]:
    """The keys as they are published. Raises NotLookedAt."""
    try:
        keys = json_object((await answer_of(deployment)).content).get("keys")
    except ValueError:
        keys = None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise NotLookedAt("the key set cannot be read")
    return keys


async def verification_keys(deployment: Deployment) -> Mapping[str, VerificationKey]:
    """The keys as verifiers of ours read them. Raises NotLookedAt."""
    try:
        return read_jwks({"keys": await jwks(deployment)})
    except KeySetRefused as refused:
        raise NotLookedAt(f"the key set is refused: {refused}") from refused


@examination(_SECTION, "the key set is one that verifiers accept", "RFC 7517 §5, §8.5")
async def readable(deployment: Deployment) -> list[str]:
    answer = await answer_of(deployment)
    if answer.status_code != httpx.codes.OK:
        return [f"{answer.url} is answered with {answer.status_code}"]
    faults = []
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if media_type not in (MEDIA_TYPE, "application/json"):
        faults.append(f"the content type is {media_type or 'not told'}, not {MEDIA_TYPE}")
    try:
        read_jwks(json_object(answer.content))
    except ValueError as refused:
        faults.append(f"verifiers refuse it as a whole: {refused}")
    return faults


@examination(_SECTION, "only public members are published", "RFC 7517 §9.2")
async def public(deployment: Deployment) -> list[str]:
    return [
        f"key {key.get('kid')} shows {', '.join(sorted(shown))}"
        + (": it is stolen, revoke it" if _PRIVATE & shown else "")
        for key in await jwks(deployment)
        if (shown := key.keys() - _PUBLIC)
    ]


@examination(
    _SECTION,
    "every key is named for one use and one algorithm",
    "RFC 8725 §3.1, RFC 7517 §4.2, §4.4, ASVS 9.1.2",
)
async def algorithm(deployment: Deployment) -> list[str]:
    wanted = {"kty": "RSA", "use": "sig", "alg": "RS256"}
    return [
        f"key {key.get('kid')} has {name} {key.get(name)!r}, not {value!r}"
        for key in await jwks(deployment)
        for name, value in wanted.items()
        if key.get(name) != value
    ]


@examination(_SECTION, "every key has a kid of its own, its thumbprint", "RFC 7517 §4.5, RFC 7638")
async def names(deployment: Deployment) -> list[str]:
    keys = await jwks(deployment)
    kids = [key.get("kid") for key in keys]
    faults = [
        f"{kids.count(kid)} keys are called {kid}" for kid in set(kids) if kids.count(kid) > 1
    ]
    faults += [
        f"key {key.get('kid')} is not called by its thumbprint"
        for key in keys
        if {"n", "e", "kty"} <= key.keys() and key.get("kid") != thumbprint(key)
    ]
    return faults


@examination(
    _SECTION,
    f"every key has {_SMALLEST} bits at least",
    "ASVS 11.2.3, RFC 7518 §3.3, RFC 8725 §3.5",
)
async def strength(deployment: Deployment) -> list[str]:
    faults = []
    for key in await jwks(deployment):
        bits = int.from_bytes(base64url_decode(str(key.get("n", ""))), "big").bit_length()
        if bits < _SMALLEST:
            faults.append(f"key {key.get('kid')} has {bits} bits")
    return faults


@examination(
    _SECTION,
    "the key that will sign next is published before it does",
    "OpenID Connect Core §10.1.1",
)
async def next_published(deployment: Deployment) -> list[str]:
    count = len(await jwks(deployment))
    if count > 1:
        return []
    return [f"{count} key is published: verifiers will meet the next one unprepared"]


@examination(_SECTION, "verifiers are told how long to keep the key set", "RFC 9111 §5.2.2.1")
async def cached(deployment: Deployment) -> list[str]:
    told = (await answer_of(deployment)).headers.get("cache-control", "")
    found, wanted = _MAX_AGE.search(told), deployment.target.max_age
    if found is None or "no-store" in told:
        return [f"Cache-Control is {told!r}: it names no max-age"]
    max_age = int(found[1])
    if wanted is not None and max_age != wanted:
        return [f"max-age is {max_age}, and {wanted} is what keys turn by (IDENTITY_JWKS_MAX_AGE)"]
    if not 0 < max_age <= _LONGEST:
        return [f"max-age is {max_age}: not within 1 and {_LONGEST}"]
    return []


@examination(
    _SECTION,
    "a verifier that has the key set is answered 304",
    "RFC 9110 §13.1.2, §15.4.5",
)
async def revalidated(deployment: Deployment) -> list[str]:
    first = await answer_of(deployment)
    tag = first.headers.get("etag")
    if tag is None:
        return ["the key set has no ETag"]
    again = await deployment.ask("GET", str(first.url), headers={"If-None-Match": tag})
    if again.status_code == httpx.codes.NOT_MODIFIED:
        return []
    return [f"a GET with If-None-Match is answered with {again.status_code}"]


EXAMINATIONS = (
    *(readable, public, algorithm, names, strength),
    *(next_published, cached, revalidated),
)
