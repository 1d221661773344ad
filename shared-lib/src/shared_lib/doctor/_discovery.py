"""The metadata of the authorization server (RFC 8414)."""

from urllib.parse import urlsplit

import httpx

from shared_lib.doctor._deployment import Deployment, is_local
from shared_lib.doctor._examination import examination

_SECTION = "discovery"
_ENDPOINTS = ("token_endpoint", "jwks_uri", "revocation_endpoint", "introspection_endpoint")
_REQUIRED = ("issuer", "token_endpoint", "jwks_uri", "response_types_supported")


@examination(_SECTION, "the metadata are JSON at the well-known place", "RFC 8414 §3.1, §3.2")
async def answered(deployment: Deployment) -> list[str]:
    answer = await deployment.metadata_answer()
    faults = []
    if answer.status_code != httpx.codes.OK:
        faults.append(f"{answer.url} is answered with {answer.status_code}")
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if media_type != "application/json":
        faults.append(f"the content type is {media_type or 'not told'}, not application/json")
    return faults


@examination(
    _SECTION,
    "the issuer in the metadata is the URL that was asked, byte for byte",
    "RFC 8414 §3.3, ASVS 10.5.3",
)
async def issuer(deployment: Deployment) -> list[str]:
    told, asked = (await deployment.metadata()).get("issuer"), deployment.target.issuer
    if told == asked:
        return []
    return [f"{asked} was asked and calls itself {told}: clients must not use what it says"]


@examination(_SECTION, "the issuer is a URL without query or fragment", "RFC 8414 §2")
async def issuer_form(deployment: Deployment) -> list[str]:
    told = (await deployment.metadata()).get("issuer")
    parts = urlsplit(told if isinstance(told, str) else "")
    faults = []
    if parts.scheme != "https" and not is_local(str(told)):
        faults.append(f"the issuer {told} is not https")
    if parts.query or parts.fragment or not parts.netloc:
        faults.append(f"the issuer {told} has a query or a fragment, or no host")
    return faults


@examination(_SECTION, "the metadata have what clients need", "RFC 8414 §2")
async def members(deployment: Deployment) -> list[str]:
    metadata = await deployment.metadata()
    faults = [f"{name} is missing" for name in _REQUIRED if name not in metadata]
    faults += [
        f"{name} is empty, and must be left out then"
        for name, value in metadata.items()
        if value in ("", None) or (value == [] and name != "response_types_supported")
    ]
    return faults


@examination(_SECTION, "every endpoint lies on the issuer's own origin", "RFC 8414 §2")
async def endpoints(deployment: Deployment) -> list[str]:
    metadata = await deployment.metadata()
    origin = urlsplit(deployment.target.issuer)[:2]
    named = [name for name in metadata if name.endswith(("_endpoint", "_uri"))]
    return [
        f"{name} is {metadata[name]}, elsewhere than the issuer"
        for name in dict.fromkeys((*named, *(each for each in _ENDPOINTS if each in metadata)))
        if urlsplit(str(metadata[name]))[:2] != origin
    ]


@examination(_SECTION, "every grant that is named works", "RFC 8414 §2, RFC 6749 §5.2")
async def grants(deployment: Deployment) -> list[str]:
    named = (await deployment.metadata()).get("grant_types_supported")
    if not isinstance(named, list):
        return ["no grants are named: clients take authorization_code and implicit for granted"]
    faults = []
    for grant in named:
        answer = await deployment.form("token_endpoint", grant_type=str(grant))
        if "unsupported_grant_type" in answer.text:
            faults.append(f"the grant {grant} is named and is answered as unsupported")
    return faults


@examination(_SECTION, "the password grant is not offered to clients", "RFC 9700 §2.4, ASVS 10.4.4")
async def no_password_grant(deployment: Deployment) -> list[str]:
    named = (await deployment.metadata()).get("grant_types_supported") or []
    return [f"the grant {each} is named" for each in ("password", "implicit") if each in named]


EXAMINATIONS = (answered, issuer, issuer_form, members, endpoints, grants, no_password_grant)
