"""A broken deployment for every check of `phasezero doctor`: the full name, and what is broken."""

import json
from collections.abc import Callable, Mapping
from email.utils import formatdate
from time import time
from typing import Any
from uuid import UUID

import httpx

from shared_lib.doctor import Target
from shared_lib.tokens import base64url_decode, base64url_encode, json_object
from tests.edge import (
    CORE,
    IDENTITY,
    ORIGIN,
    After,
    Before,
    Fault,
    bearer,
    changed,
    claims_of,
    header_of,
    slow,
    without,
)

METADATA = "/.well-known/oauth-authorization-server"
JWKS = "/.well-known/jwks.json"
ME = "/api/v1/me"
READY = "/health/ready"
NOBODY = str(UUID(int=0))

Json = dict[str, Any]
Wanted = Callable[[httpx.Request], bool]


def away(host: str) -> Fault:
    """A host that does not answer."""

    async def before(request: httpx.Request) -> httpx.Response | None:
        if request.url.host == httpx.URL(host).host:
            raise httpx.ConnectError("Name or service not known", request=request)
        return None

    return Fault(before=before)


def answered(wanted: Wanted, status: int = 200, text: str = "{}", **headers: str) -> Fault:
    """Requests that nobody looks at: each is answered alike."""

    async def before(request: httpx.Request) -> httpx.Response | None:
        if not wanted(request):
            return None
        return httpx.Response(
            status,
            headers={"content-type": "application/json", **headers},
            text=text,
            request=request,
        )

    return Fault(before=before)


def at(path: str, method: str | None = None) -> Wanted:
    """Requests for a path."""
    return lambda request: request.url.path == path and method in (None, request.method)


def after(wanted: Wanted, change: Callable[[httpx.Response], httpx.Response]) -> Fault:
    """Answers that are changed on the way."""

    def of(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        return change(answer) if wanted(request) else answer

    return Fault(after=of)


def headers(wanted: Wanted, **values: str | None) -> Fault:
    """Headers that are set, or taken away; `_` stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in values.items()}
    return after(wanted, lambda answer: changed(answer, headers=named))


def body(path: str, change: Callable[[Json], object]) -> Fault:
    """A JSON answer, changed in place."""

    def of(answer: httpx.Response) -> httpx.Response:
        document = answer.json()
        change(document)
        return changed(answer, content=json.dumps(document).encode())

    return after(at(path), of)


def token(
    header: Mapping[str, object] | None = None, claims: Callable[[Json], object] | None = None
) -> Fault:
    """Tokens that say something else than they were issued with; nobody signs that again."""

    def change(document: Json) -> None:
        parts = document.get("access_token", "").split(".")
        if len(parts) == 3:
            first, second = (json_object(base64url_decode(part)) for part in parts[:2])
            first |= header or {}
            if claims is not None:
                claims(second)
            made = (base64url_encode(json.dumps(each).encode()) for each in (first, second))
            document["access_token"] = ".".join((*made, parts[2]))

    return body("/token", change)


def accepts(wanted: Wanted, host: str = CORE) -> Fault:
    """A verifier that lets a kind of token in."""
    name = httpx.URL(host).host
    return answered(
        lambda request: request.url.host == name and bearer(request) is not None and wanted(request)
    )


def is_of_type(typ: str) -> Wanted:
    """Tokens of a typ."""
    return lambda request: header_of(request).get("typ") == typ


def is_signed_with(alg: str) -> Wanted:
    """Tokens of an alg."""
    return lambda request: header_of(request).get("alg") == alg


def brings_its_key(request: httpx.Request) -> bool:
    """Tokens that say by which key they want to be verified."""
    return "jwk" in header_of(request)


def anything(_: httpx.Request) -> bool:
    """Every request."""
    return True


def is_preflight(request: httpx.Request) -> bool:
    """What browsers ask first."""
    return request.method == "OPTIONS"


def is_for(audience: str) -> Wanted:
    """Tokens for an audience alone."""
    return lambda request: claims_of(request).get("aud") == [audience]


def form_has(text: str) -> Wanted:
    """Forms with a text in them."""
    return lambda request: text in request.content.decode("latin-1")


def has_cookie(request: httpx.Request) -> bool:
    """Requests that bring a cookie."""
    return "cookie" in request.headers


def cookies_with(part: str, other: str) -> Fault:
    """Cookies that are set with something else in place of a part."""

    def of(answer: httpx.Response) -> httpx.Response:
        told = answer.headers.get("set-cookie")
        if told is None:
            return answer
        assert part in told
        return changed(answer, headers={"set-cookie": told.replace(part, other)})

    return after(at("/token"), of)


def let_in(origin: str | None) -> Fault:
    """A token endpoint that takes the pages of an origin for its own."""

    async def before(request: httpx.Request) -> httpx.Response | None:
        if has_cookie(request) and request.headers.get("origin") == origin:
            request.headers["origin"] = ORIGIN
        return None

    return Fault(before=before)


def in_first_key(change: Callable[[Json], object]) -> Fault:
    """A key set whose first key is changed."""
    return body(JWKS, lambda document: change(document["keys"][0]))


def echo(name: str, header: str) -> After:
    """Answers that repeat what a request says."""

    def of(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        sent = request.headers.get(name)
        return answer if sent is None else changed(answer, headers={header: sent})

    return of


def allowing(origin: str) -> After:
    """CORS that lets an origin in, with credentials."""

    def of(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if request.headers.get("origin") != origin:
            return answer
        allowed: dict[str, str | None] = {
            "access-control-allow-origin": origin,
            "access-control-allow-credentials": "true",
        }
        return changed(answer, headers=allowed)

    return of


def never_not_modified() -> Before:
    """A cache on the way that forgets what clients have."""

    async def before(request: httpx.Request) -> httpx.Response | None:
        request.headers.pop("if-none-match", None)
        return None

    return before


def _two_of_one_name(document: Json) -> None:
    for key in document["keys"]:
        key["kid"] = document["keys"][0]["kid"]


def _weak(key: Json) -> None:
    key["n"] = base64url_encode(base64url_decode(key["n"])[:256])


def plain_http(target: Target) -> Target:
    """The core, as somebody typed it."""
    return without(target, core=CORE.replace("https:", "http:"))


ERROR = '{"detail": [{"loc": ["body", "refresh_token"], "msg": "Field required"}]}'
TRACE = 'Traceback (most recent call last):\n  File "/app/main.py", line 1'

FAULTS: tuple[tuple[str, Fault], ...] = (
    ("deployment.identity", away(IDENTITY)),
    ("deployment.identity", answered(at("/health/live"), 301, location="https://example.com/")),
    ("deployment.core", away(CORE)),
    ("deployment.https", Fault(target=plain_http)),
    ("deployment.ready", body(READY, lambda told: told.update(status="degraded"))),
    ("deployment.health_discreet", body(READY, lambda told: told.update(url="db:5432/identity"))),
    ("deployment.clock", headers(anything, date=formatdate(time() - 300, usegmt=True))),
    ("discovery.answered", headers(at(METADATA), content_type="text/plain")),
    ("discovery.issuer", body(METADATA, lambda told: told.update(issuer=f"{IDENTITY}/"))),
    ("discovery.issuer_form", body(METADATA, lambda told: told.update(issuer=f"{IDENTITY}?a=1"))),
    ("discovery.members", body(METADATA, lambda told: told.pop("response_types_supported"))),
    (
        "discovery.endpoints",
        body(METADATA, lambda told: told.update(token_endpoint="https://example.net/token")),
    ),
    (
        "discovery.grants",
        body(METADATA, lambda told: told["grant_types_supported"].append("authorization_code")),
    ),
    (
        "discovery.no_password_grant",
        body(METADATA, lambda told: told["grant_types_supported"].append("password")),
    ),
    ("keys.readable", body(JWKS, lambda told: told.update(keys=[]))),
    ("keys.public", in_first_key(lambda key: key.update(d="AQAB"))),
    ("keys.algorithm", in_first_key(lambda key: key.pop("alg"))),
    ("keys.names", body(JWKS, _two_of_one_name)),
    ("keys.strength", in_first_key(_weak)),
    ("keys.next_published", body(JWKS, lambda told: told["keys"].pop())),
    ("keys.cached", headers(at(JWKS), cache_control="no-store")),
    ("keys.cached", headers(at(JWKS), cache_control="public, max-age=31536000")),
    ("keys.revalidated", Fault(before=never_not_modified())),
    ("oauth.error_form", answered(form_has("grant_type=refresh_token"), 422, ERROR)),
    ("oauth.unsupported_grant", body("/token", lambda told: told.update(error="invalid_grant"))),
    ("oauth.repeated_parameter", body("/token", lambda told: told.update(error="invalid_grant"))),
    ("oauth.bad_client", headers(at("/token"), www_authenticate=None)),
    ("oauth.post_only", answered(at("/token", "GET"), 200)),
    ("oauth.not_stored", headers(at("/revoke"), cache_control="max-age=60")),
    ("oauth.unknown_token_revoked", answered(at("/revoke"), 404)),
    ("oauth.introspection_closed", answered(at("/introspect"), 200, '{"active": false}')),
    ("bearer.challenged", after(at(ME), lambda answer: changed(answer, status=403))),
    ("bearer.challenged", headers(at("/me"), www_authenticate=None)),
    ("bearer.garbage", headers(at("/me"), www_authenticate='Bearer realm="phase-zero"')),
    ("bearer.forged", accepts(is_signed_with("none"))),
    ("bearer.forged", accepts(is_signed_with("HS256"))),
    ("bearer.forged", accepts(is_of_type("JWT"))),
    ("bearer.forged", accepts(brings_its_key)),
    ("bearer.forged", accepts(is_of_type("at+jwt"), IDENTITY)),
    (
        "bearer.one_authorization",
        answered(lambda request: len(request.headers.get_list("authorization")) > 1),
    ),
    ("bearer.internal_closed", answered(at("/internal/revocations"))),
    ("tokens.answered", body("/token", lambda told: told.update(token_type="MAC"))),
    ("tokens.answered", body("/token", lambda told: told.update(expires_in=86400))),
    ("tokens.not_stored", headers(at("/token"), cache_control="private", pragma=None)),
    ("tokens.typ", token({"typ": "JWT"})),
    ("tokens.alg", token({"alg": "HS256"})),
    ("tokens.kid", token({"kid": "gone"})),
    ("tokens.iss", token(claims=lambda told: told.update(iss=f"{IDENTITY}/"))),
    ("tokens.aud", token(claims=lambda told: told.pop("aud"))),
    ("tokens.claims", token(claims=lambda told: told.pop("jti"))),
    ("tokens.life", token(claims=lambda told: told.update(exp=told["iat"] + 86400))),
    ("tokens.iat", token(claims=lambda told: told.update(iat=told["iat"] - 300))),
    ("tokens.impersonal", token(claims=lambda told: told.update(email="ada@example.com"))),
    ("tokens.impersonal", token(claims=lambda told: told.update(upn="ada@example.com"))),
    ("tokens.verified", token(claims=lambda told: told.update(sub=NOBODY))),
    ("tokens.accepted", answered(at(ME), 401)),
    ("tokens.not_in_query", answered(lambda request: "access_token" in request.url.params)),
    ("tokens.unaltered", accepts(lambda request: claims_of(request).get("sub") == NOBODY)),
    ("tokens.audience", accepts(is_for("identity-service"))),
    ("tokens.audience", accepts(is_for("identity-service/internal"))),
    ("tokens.audience", accepts(is_for("product-core-api"), IDENTITY)),
    ("tokens.not_internal", accepts(at("/internal/revocations"))),
    ("revocation.introspected", body("/introspect", lambda told: told.update(sub=NOBODY))),
    ("revocation.introspected", body("/introspect", lambda told: told.update(active=False))),
    ("revocation.revoked", answered(at("/revoke"), 503)),
    ("revocation.inactive", body("/introspect", lambda told: told.update(active=True))),
    ("revocation.inactive", body("/introspect", lambda told: told.update(sub=NOBODY))),
    ("revocation.refused_by_identity", accepts(at("/me"), IDENTITY)),
    ("revocation.refresh_dead", answered(form_has("grant_type=refresh_token"))),
    ("revocation.refused_by_core", accepts(at(ME))),
    (
        "revocation.bound",
        body(READY, lambda told: told["details"]["revocation"].update(exceeded_by_seconds=3.0)),
    ),
    (
        "revocation.bound",
        body(READY, lambda told: told["details"]["revocation"].update(measured_seconds=None)),
    ),
    ("revocation.bound", body(READY, lambda told: told["details"].pop("revocation", None))),
    ("flood.refused", answered(lambda request: "kid" in header_of(request), 500)),
    ("flood.others_served", Fault(before=slow())),
    ("browsers.nosniff", headers(at("/no-such-page"), x_content_type_options=None)),
    ("browsers.framing", headers(at(ME), content_security_policy="default-src 'none'")),
    (
        "browsers.content_policy",
        headers(at("/docs"), content_security_policy="default-src 'self' 'unsafe-inline'"),
    ),
    ("browsers.content_policy", headers(at("/docs"), content_security_policy=None)),
    ("browsers.referrer", headers(at("/docs"), referrer_policy="unsafe-url")),
    ("browsers.hsts", Fault(hsts=False)),
    ("browsers.hsts", headers(anything, strict_transport_security="max-age=300")),
    ("browsers.not_stored", headers(at(ME), cache_control="public, max-age=60")),
    ("browsers.no_version", headers(anything, server="nginx/1.25.3")),
    ("browsers.no_version", headers(at("/docs"), x_powered_by="Python")),
    ("browsers.cookies", headers(at("/token"), set_cookie="refresh=1; HttpOnly; Path=/")),
    ("browsers.cookies", cookies_with("; Secure", "")),
    ("browsers.cookies", cookies_with("; HttpOnly", "")),
    ("browsers.cookies", cookies_with("; SameSite=strict", "")),
    ("browsers.cookies", cookies_with("__Host-", "")),
    ("browsers.cookie_origin", let_in("https://doctor.example")),
    ("browsers.cookie_origin", let_in("null")),
    ("browsers.cookie_origin", let_in(None)),
    ("browsers.cookie_origin", answered(has_cookie, 429, ERROR)),
    ("browsers.refresh_cookie", headers(form_has("refresh=cookie"), set_cookie=None)),
    ("browsers.refresh_cookie", body("/token", lambda told: told.update(refresh_token="r"))),
    ("browsers.refresh_cookie", answered(has_cookie, 400, ERROR)),
    ("browsers.refresh_cookie", cookies_with("SameSite=strict", "SameSite=None")),
    ("browsers.refresh_cookie", cookies_with("Path=/", "Path=/token")),
    ("browsers.refresh_cookie", cookies_with("Path=/", "Path=/; Domain=example.com")),
    ("browsers.foreign_origin", Fault(after=echo("origin", "access-control-allow-origin"))),
    (
        "browsers.foreign_origin",
        headers(anything, access_control_allow_origin="*"),
    ),
    ("browsers.null_origin", Fault(after=allowing("null"))),
    ("browsers.own_origin", answered(is_preflight, 401)),
    ("browsers.request_id", Fault(after=echo("x-request-id", "x-request-id"))),
    (
        "browsers.discreet",
        after(at("/no-such-page"), lambda answer: changed(answer, content=TRACE.encode())),
    ),
    ("browsers.discreet", headers(at("/no-such-page"), content_type="text/html")),
    ("browsers.no_trace", answered(lambda request: request.method == "TRACE")),
    (
        "database.reachable",
        Fault(
            target=lambda target: without(
                target, databases={"core_app": "postgresql://core_app@127.0.0.1:1/product"}
            )
        ),
    ),
    ("database.published_keys", body(JWKS, lambda told: told["keys"].pop())),
)
"""Whatever lies between the services and their clients, or in what is told of them."""
