"""The refresh token in a cookie: pages cannot read it, and foreign ones cannot use it."""

import httpx

from shared_lib.doctor._deployment import Deployment, NotLookedAt
from shared_lib.doctor._examination import examination
from shared_lib.doctor._issuing import cookie_answer

_SECTION = "browsers"
_PARTS = ("samesite=strict", "path=/", "httponly")
_ORIGINS = {
    "a page of a foreign origin": "https://doctor.example",
    "a page without an address": "null",
    "a request that names no origin": None,
}
_NAMES = ("__Host-refresh=", "refresh=")


@examination(
    _SECTION, "a page gets its refresh token in a cookie, and only there", "RFC 6265 §4.1.2.6"
)
async def refresh_cookie(deployment: Deployment) -> list[str]:
    first = await cookie_answer(deployment)
    faults = _told_faults("sign-in", first)
    if not faults:
        second = await _refresh(deployment, first, deployment.target.origin)
        if not second.is_success:
            return [f"the cookie is refused with {second.status_code}"]
        faults = _told_faults("a refresh", second)
    return faults


@examination(_SECTION, "no page of a foreign origin can use the cookie", "ASVS 3.5.1")
async def cookie_origin(deployment: Deployment) -> list[str]:
    answer = await cookie_answer(deployment)
    if not _cookies_of(answer):
        raise NotLookedAt("no cookie was set")
    faults = []
    for who, origin in _ORIGINS.items():
        found = await _refresh(deployment, answer, origin)
        if found.is_success:
            faults.append(f"{who} is given a token for it")
        elif "origin_not_allowed" not in found.text:
            faults.append(f"{who} is refused with {found.status_code}, and not for its origin")
    return faults


# The foreign pages first: a cookie that was used is no good any more.
EXAMINATIONS = (cookie_origin, refresh_cookie)


async def _refresh(
    deployment: Deployment, answer: httpx.Response, origin: str | None
) -> httpx.Response:
    sent = [cookie.partition(";")[0] for cookie in _cookies_of(answer)]
    headers = {"Cookie": "; ".join(sent)}
    if origin is not None:
        headers["Origin"] = origin
    return await deployment.form(
        "token_endpoint", headers=headers, grant_type="refresh_token", refresh="cookie"
    )


def _cookies_of(answer: httpx.Response) -> list[str]:
    """The headers that set the refresh token; what stands in front may set cookies of its own."""
    return [each for each in answer.headers.get_list("set-cookie") if each.startswith(_NAMES)]


def _told_faults(what: str, answer: httpx.Response) -> list[str]:
    cookies = _cookies_of(answer)
    faults = [] if cookies else [f"{what} sets no cookie"]
    for cookie in cookies:
        parts = [part.strip().lower() for part in cookie.split(";")[1:]]
        faults += [f"{what} sets it without {each}" for each in _PARTS if each not in parts]
        if any(part.startswith("domain=") for part in parts):
            faults.append(f"{what} sets it for other hosts, too")
    if "refresh_token" in answer.json():
        faults.append(f"{what} tells the page its refresh token")
    return faults
