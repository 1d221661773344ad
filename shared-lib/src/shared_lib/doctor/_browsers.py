"""What browsers are told: security headers, cookies, CORS, and nothing about the inside."""

import re
from contextlib import suppress

import httpx

from shared_lib.doctor._deployment import Deployment, NotLookedAt
from shared_lib.doctor._examination import examination
from shared_lib.doctor._issuing import cookie_answer, issued, token_answer

_SECTION = "browsers"
_YEAR = 31_536_000
_FOREIGN = "https://doctor.example"  # RFC 2606 keeps it from ever being anybody's
_HOSTILE = 'doctor"><script>alert(1)</script>'
_VERSION = re.compile(r"\d+\.\d+")
_REFERRER = frozenset(
    {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
)
_INSIDE = re.compile(r"Traceback|File \"|site-packages|asyncpg|sqlalchemy|SELECT |psycopg")
_MAX_AGE = re.compile(r"max-age=\"?(\d+)")


@examination(_SECTION, "every answer says nosniff", "ASVS 3.4.4")
async def nosniff(deployment: Deployment) -> list[str]:
    return [
        f"{where}: X-Content-Type-Options is not nosniff"
        for where, answer in await deployment.pages()
        if answer.headers.get("x-content-type-options", "").lower() != "nosniff"
    ]


@examination(_SECTION, "no answer can be framed", "ASVS 3.4.6")
async def framing(deployment: Deployment) -> list[str]:
    return [
        f"{where}: the policy has no frame-ancestors"
        for where, answer in await deployment.pages()
        if "frame-ancestors 'none'" not in answer.headers.get("content-security-policy", "")
    ]


@examination(
    _SECTION, "answers run no foreign code, the pages of the documentation too", "ASVS 3.4.3"
)
async def content_policy(deployment: Deployment) -> list[str]:
    faults = []
    for where, answer in await deployment.pages():
        policy = _directives(answer.headers.get("content-security-policy", ""))
        scripts = policy.get("script-src", policy.get("default-src"))
        if "default-src" not in policy or scripts is None:
            faults.append(f"{where}: there is no policy with a default-src")
        elif {"'unsafe-inline'", "'unsafe-eval'", "*", "https:", "http:", "data:"} & scripts:
            faults.append(f"{where}: scripts may come from {' '.join(sorted(scripts))}")
        elif "base-uri" not in policy and where.endswith("/docs"):
            faults.append(f"{where}: the policy has no base-uri")
    return faults


@examination(_SECTION, "no address leaks to other sites", "ASVS 3.4.5")
async def referrer(deployment: Deployment) -> list[str]:
    return [
        f"{where}: Referrer-Policy is {answer.headers.get('referrer-policy')!r}"
        for where, answer in await deployment.pages()
        if answer.headers.get("referrer-policy") not in _REFERRER
    ]


@examination(_SECTION, "browsers come back by https for a year", "RFC 6797 §7.1, ASVS 3.4.1")
async def hsts(deployment: Deployment) -> list[str]:
    pages = [
        (where, answer)
        for where, answer in await deployment.pages()
        if answer.url.scheme == "https"
    ]
    if not pages:
        raise NotLookedAt("it is for https only")
    faults = []
    for where, answer in pages:
        told = answer.headers.get("strict-transport-security", "")
        found = _MAX_AGE.search(told)
        if found is None or int(found[1]) < _YEAR:
            faults.append(f"{where}: Strict-Transport-Security is {told!r}")
        elif "includesubdomains" not in told.lower():
            faults.append(f"{where}: Strict-Transport-Security leaves subdomains out")
    return faults


@examination(_SECTION, "no answer for a person is stored", "RFC 9111 §5.2.2.5, ASVS 14.3.2")
async def not_stored(deployment: Deployment) -> list[str]:
    answers = [*await deployment.pages(documents=False), *await _signed_in(deployment)]
    return [
        f"{where}: Cache-Control is {answer.headers.get('cache-control')!r}, without no-store"
        for where, answer in answers
        if "no-store" not in answer.headers.get("cache-control", "")
    ]


@examination(_SECTION, "no version of any software is told", "ASVS 13.4.6, RFC 9110 §10.2.4")
async def no_version(deployment: Deployment) -> list[str]:
    return [
        f"{where}: {name} is {told!r}"
        for where, answer in await deployment.pages()
        for name in ("server", "x-powered-by", "via", "x-aspnet-version")
        if (told := answer.headers.get(name)) is not None
        and (name == "x-powered-by" or _VERSION.search(told.removeprefix("1.1 ")))
    ]


@examination(
    _SECTION,
    "cookies, if any, are Secure, HttpOnly, SameSite and of this host",
    "ASVS 3.3.1 to 3.3.4, RFC 6265 §4.1.2",
)
async def cookies(deployment: Deployment) -> list[str]:
    answers = [*await deployment.pages(), *await _signed_in(deployment)]
    with suppress(NotLookedAt):
        answers.append(("identity /token for a page", await cookie_answer(deployment)))
    faults = []
    for where, answer in answers:
        for cookie in answer.headers.get_list("set-cookie"):
            name = cookie.partition("=")[0]
            attributes = {part.strip().partition("=")[0].lower() for part in cookie.split(";")[1:]}
            wanted = ["HttpOnly", "SameSite"]
            if answer.url.scheme == "https":  # over http browsers would drop such a cookie
                wanted.append("Secure")
            missing = [each for each in wanted if each.lower() not in attributes]
            if "Secure" in wanted and not name.startswith("__Host-"):
                missing.append("the prefix __Host-")
            if missing:
                faults.append(f"{where}: the cookie {name} lacks {', '.join(missing)}")
    return faults


@examination(_SECTION, "pages of a foreign origin read nothing", "Fetch: CORS protocol, ASVS 3.4.2")
async def foreign_origin(deployment: Deployment) -> list[str]:
    return await _origin_faults(deployment, _FOREIGN)


@examination(_SECTION, "nor do pages of no origin", "Fetch: CORS protocol, ASVS 3.4.2")
async def null_origin(deployment: Deployment) -> list[str]:
    return await _origin_faults(deployment, "null")


@examination(
    _SECTION, "pages of your own origin are let in", "Fetch: CORS protocol, RFC 9110 §12.5.5"
)
async def own_origin(deployment: Deployment) -> list[str]:
    origin, faults = deployment.target.origin, []
    if origin is None:
        raise NotLookedAt("no origin was given")
    for place in deployment.places:
        answer = await _preflight(deployment, place.url + place.me, origin)
        if not answer.is_success or answer.headers.get("access-control-allow-origin") != origin:
            faults.append(f"{place.name}: a preflight is answered with {answer.status_code}")
        allowed = answer.headers.get("access-control-allow-headers", "").lower()
        if "authorization" not in allowed and "*" not in allowed:
            faults.append(f"{place.name}: a preflight does not allow Authorization")
        if "origin" not in answer.headers.get("vary", "").lower():
            faults.append(f"{place.name}: Vary does not name Origin, and caches mix answers up")
    return faults


@examination(
    _SECTION, "what a client sends as X-Request-ID comes back in no answer", "ASVS 16.4.1, 3.2.2"
)
async def request_id(deployment: Deployment) -> list[str]:
    faults = []
    for place in deployment.places:
        answer = await deployment.ask(
            "GET", place.url + place.me, headers={"X-Request-ID": _HOSTILE}
        )
        if "script" in f"{dict(answer.headers)}{answer.text}":
            faults.append(f"{place.name}: it does, as it was sent")
    return faults


@examination(
    _SECTION,
    "refusals are problem documents without the inside",
    "RFC 9457 §3, ASVS 16.5.1, 13.4.2",
)
async def discreet(deployment: Deployment) -> list[str]:
    faults = []
    for where, answer in await deployment.pages(documents=False):
        if _INSIDE.search(answer.text):
            faults.append(f"{where}: the answer tells of the inside")
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        if answer.is_error and media_type != "application/problem+json":
            faults.append(f"{where}: a refusal is {media_type or 'of no type'}")
    return faults


@examination(_SECTION, "TRACE is not answered", "ASVS 13.4.4, RFC 9110 §9.3.8")
async def no_trace(deployment: Deployment) -> list[str]:
    faults = []
    for place in deployment.places:
        answer = await deployment.ask("TRACE", f"{place.url}/health/live")
        if answer.is_success:
            faults.append(f"{place.name}: it is, with {answer.status_code}")
    return faults


EXAMINATIONS = (
    *(nosniff, framing, content_policy, referrer, hsts, not_stored, no_version, cookies),
    *(foreign_origin, null_origin, own_origin, request_id, discreet, no_trace),
)


async def _signed_in(deployment: Deployment) -> list[tuple[str, httpx.Response]]:
    """Answers to somebody with a token, where one can be had."""
    try:
        token = await issued(deployment)
    except NotLookedAt:
        return []
    return [
        ("identity /token", await token_answer(deployment)),
        *[
            (
                f"{place.name} {place.me} with a token",
                await deployment.with_token(place, token.token),
            )
            for place in deployment.places
        ],
    ]


async def _origin_faults(deployment: Deployment, origin: str) -> list[str]:
    faults = []
    for place in deployment.places:
        url = place.url + place.me
        plain = await deployment.ask("GET", url, headers={"Origin": origin})
        preflight = await _preflight(deployment, url, origin)
        for what, answer in (("an answer", plain), ("a preflight", preflight)):
            allowed = answer.headers.get("access-control-allow-origin")
            if allowed in (origin, "*"):
                faults.append(f"{place.name}: {what} allows {allowed}")
    return faults


async def _preflight(deployment: Deployment, url: str, origin: str) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    return await deployment.ask("OPTIONS", url, headers=headers)


def _directives(policy: str) -> dict[str, set[str]]:
    """Sources by directive of a Content-Security-Policy."""
    parts = (part.split() for part in policy.split(";"))
    return {part[0].lower(): set(part[1:]) for part in parts if part}
