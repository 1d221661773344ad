"""The OAuth endpoints, asked without any credentials that are right."""

import re
from secrets import token_urlsafe
from typing import Any

import httpx

from shared_lib.doctor._deployment import Deployment
from shared_lib.doctor._examination import examination

_SECTION = "oauth"
_DESCRIPTION = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")
_NOBODY = ("00000000-0000-0000-0000-000000000000", "no secret at all")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@examination(_SECTION, "refusals have the form that clients read", "RFC 6749 §5.2")
async def error_form(deployment: Deployment) -> list[str]:
    faults = []
    for what, form in (
        ("a refresh token is missing", {"grant_type": "refresh_token"}),
        ("a refresh token is none", {"grant_type": "refresh_token", "refresh_token": _token()}),
    ):
        answer = await deployment.form("token_endpoint", None, None, **form)
        wanted = "invalid_grant" if "refresh_token" in form else "invalid_request"
        faults += [f"when {what}: {fault}" for fault in _error_faults(answer, wanted)]
    return faults


@examination(_SECTION, "a grant that is none is unsupported_grant_type", "RFC 6749 §5.2")
async def unsupported_grant(deployment: Deployment) -> list[str]:
    answer = await deployment.form("token_endpoint", grant_type="urn:phase-zero:doctor:none")
    return _error_faults(answer, "unsupported_grant_type")


@examination(_SECTION, "a parameter that is repeated is refused", "RFC 6749 §3.2")
async def repeated_parameter(deployment: Deployment) -> list[str]:
    body = f"grant_type=refresh_token&refresh_token={_token()}&refresh_token={_token()}"
    url = await deployment.endpoint("token_endpoint")
    answer = await deployment.ask("POST", url, content=body, headers=_FORM)
    return _error_faults(answer, "invalid_request")


@examination(_SECTION, "a client that fails to authenticate is challenged", "RFC 6749 §5.2")
async def bad_client(deployment: Deployment) -> list[str]:
    answer = await deployment.form("token_endpoint", auth=_NOBODY, grant_type="client_credentials")
    faults = _error_faults(answer, "invalid_client", httpx.codes.UNAUTHORIZED)
    if not answer.headers.get("www-authenticate", "").lower().startswith("basic"):
        faults.append("no WWW-Authenticate: Basic goes with it")
    return faults


@examination(_SECTION, "the token endpoint answers POST only", "RFC 6749 §3.2, ASVS 3.5.3, 14.2.1")
async def post_only(deployment: Deployment) -> list[str]:
    url = await deployment.endpoint("token_endpoint")
    answer = await deployment.ask("GET", url, params={"grant_type": "refresh_token"})
    if answer.status_code == httpx.codes.METHOD_NOT_ALLOWED:
        return []
    return [f"GET is answered with {answer.status_code}, not 405"]


@examination(_SECTION, "answers of the OAuth endpoints are stored by nobody", "RFC 6749 §5.1")
async def not_stored(deployment: Deployment) -> list[str]:
    faults = []
    for endpoint in ("token_endpoint", "revocation_endpoint", "introspection_endpoint"):
        answer = await deployment.form(endpoint, token=_token())
        faults += storing_faults(endpoint, answer)
    return faults


@examination(_SECTION, "a token that is none is revoked with 200", "RFC 7009 §2.2")
async def unknown_token_revoked(deployment: Deployment) -> list[str]:
    answer = await deployment.form("revocation_endpoint", token=_token())
    if answer.status_code == httpx.codes.OK:
        return []
    return [f"an unknown token is answered with {answer.status_code}: clients will try for ever"]


@examination(_SECTION, "introspection is for clients that authenticate", "RFC 7662 §2.1, §2.3, §4")
async def introspection_closed(deployment: Deployment) -> list[str]:
    answer = await deployment.form("introspection_endpoint", token=_token())
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return []
    return [f"whoever asks is answered with {answer.status_code}: tokens can be fished for"]


EXAMINATIONS = (
    *(error_form, unsupported_grant, repeated_parameter, bad_client, post_only, not_stored),
    *(unknown_token_revoked, introspection_closed),
)


def storing_faults(what: str, answer: httpx.Response) -> list[str]:
    """Whether caches may keep an answer (RFC 6749 section 5.1)."""
    told = answer.headers.get("cache-control", "")
    faults = []
    if "no-store" not in told:
        faults.append(f"{what}: Cache-Control is {told!r}, without no-store")
    if answer.headers.get("pragma") != "no-cache":
        faults.append(f"{what}: there is no Pragma: no-cache")
    return faults


def _error_faults(
    answer: httpx.Response, error: str, status: int = httpx.codes.BAD_REQUEST
) -> list[str]:
    faults = []
    if answer.status_code != status:
        faults.append(f"the status is {answer.status_code}, not {status}")
    document: Any = None
    if answer.headers.get("content-type", "").startswith("application/json"):
        document = answer.json()
    if not isinstance(document, dict):
        return [*faults, "the answer is no JSON object"]
    if document.get("error") != error:
        faults.append(f"error is {document.get('error')!r}, not {error}")
    if not _DESCRIPTION.fullmatch(str(document.get("error_description", ""))):
        faults.append("error_description has characters that are not allowed in it")
    return faults


def _token() -> str:
    return f"doctor-{token_urlsafe(24)}"
