"""Guesses at sign-in, and what they are answered."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from fastapi import FastAPI

from tests.conftest import Identity, Person, client_of

LIMITS = {
    "sign_in_limit_pair": "3/hour",
    "sign_in_limit_address": "8/hour",
    "sign_in_limit_account": "6/hour",
    "sign_in_slow_lane": "1/hour",
}
GUESS = "wrong"
HOME, ELSEWHERE = "203.0.113.5", "198.51.100.7"

Serve = Callable[..., Awaitable[FastAPI]]


async def sign_in(
    app: FastAPI, username: str, password: str = GUESS, *, peer: str = HOME, **headers: str
) -> httpx.Response:
    async with client_of(app, peer) as client:
        form = {"username": username, "password": password}
        return await client.post("/token", data=form, headers=headers)


async def details(
    app: FastAPI, username: str, times: int, password: str = GUESS, **options: Any
) -> list[str]:
    """What so many attempts were answered."""
    answers = [await sign_in(app, username, password, **options) for _ in range(times)]
    return ["ok" if each.is_success else each.json()["detail"] for each in answers]


WRONG, WAIT = "invalid_credentials", "too_many_attempts"


async def person_of(identity: Identity) -> Person:
    made, _ = await identity.make_member()
    return made
