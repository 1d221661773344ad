"""The tokens that an examination asks for, and how it gives them back."""

import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from shared_lib.doctor._deployment import Deployment, NotLookedAt
from shared_lib.tokens import base64url_decode, json_object

__all__ = [
    "Issued",
    "ask_for_token",
    "cookie_answer",
    "end_with",
    "issued",
    "read_token",
    "token_answer",
]

_NO_CREDENTIALS = "no credentials were given"


@dataclass(frozen=True, slots=True)
class Issued:
    """An access token, taken apart; nothing of it is verified."""

    token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    header: dict[str, Any]
    claims: dict[str, Any]
    issued_at: float
    is_person: bool


async def token_answer(deployment: Deployment) -> httpx.Response:
    """The answer to a request for a token. Raises NotLookedAt without credentials."""
    return await deployment.once("token", lambda: ask_for_token(deployment))


async def ask_for_token(deployment: Deployment) -> httpx.Response:
    """Ask for a token, as a person if one was given. Raises NotLookedAt without credentials."""
    target = deployment.target
    if target.person is not None:
        username, password = target.person
        return await deployment.form("token_endpoint", username=username, password=password)
    if target.client is not None:
        return await deployment.form(
            "token_endpoint", auth=target.client, grant_type="client_credentials"
        )
    raise NotLookedAt(_NO_CREDENTIALS)


async def cookie_answer(deployment: Deployment) -> httpx.Response:
    """The answer to a page of the deployment's own origin that wants its refresh token in a cookie.

    Raises NotLookedAt without a person or an origin, and when no token is issued.
    """
    target = deployment.target

    async def make() -> httpx.Response:
        if target.person is None or target.origin is None:
            raise NotLookedAt("no person was given" if target.origin else "no origin was given")
        await issued(deployment)  # credentials that are wrong are tried once
        username, password = target.person
        answer = await deployment.form(
            "token_endpoint",
            headers={"Origin": target.origin},
            username=username,
            password=password,
            refresh="cookie",
        )
        read_token(deployment, answer)
        return answer

    return await deployment.once("cookie", make)


def read_token(deployment: Deployment, answer: httpx.Response) -> Issued:
    """The token of an answer; its session ends when the examination does. Raises NotLookedAt."""
    target = deployment.target
    try:
        told = answer.json()
        token = told["access_token"]
        header, claims = (json_object(base64url_decode(part)) for part in token.split(".")[:2])
    except (ValueError, LookupError, TypeError, AttributeError):
        raise NotLookedAt("no token was issued") from None
    is_person = target.person is not None
    end_with(deployment, token, None if is_person else target.client)
    return Issued(token, told.get("refresh_token"), header, claims, time.time(), is_person)


async def issued(deployment: Deployment) -> Issued:
    """The token that is examined. Raises NotLookedAt."""

    async def make() -> Issued:
        return read_token(deployment, await token_answer(deployment))

    return await deployment.once("issued", make)


def end_with(deployment: Deployment, token: str, client: tuple[str, str] | None) -> None:
    """Give a token back when the examination ends."""
    deployment.sessions.append(
        lambda: deployment.form("revocation_endpoint", auth=client, token=token)
    )
