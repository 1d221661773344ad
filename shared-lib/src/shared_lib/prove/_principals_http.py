"""An installation as those who prepare a run call it, over HTTP."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import httpx

from shared_lib.tokens import base64url_decode, json_object

__all__ = ["Installation", "NotStaged", "claims_of"]

_PATIENCE = 30.0  # seconds until what one service tells the other has arrived
_LONGEST_WAIT = 60.0  # seconds that a rate limit may ask for


class NotStaged(Exception):
    """Something that a run needs did not come about. The message says what."""


class Installation:
    """Both services, and the tokens of everybody who has signed in."""

    def __init__(self, core: httpx.AsyncClient, identity: httpx.AsyncClient) -> None:
        self.core = core
        self.identity = identity
        self.signed_in: list[str] = []

    async def call(
        self,
        client: httpx.AsyncClient,
        method: str,
        url: str,
        token: str = "",
        ignored: Iterable[int] = (),
        **options: Any,
    ) -> Any:
        """What is answered. Raises NotStaged unless that is a success or `ignored`."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = await client.request(method, url, headers=headers, **options)
        while 0 < (wait := float(response.headers.get("retry-after", 0))) <= _LONGEST_WAIT:
            await asyncio.sleep(wait)
            response = await client.request(method, url, headers=headers, **options)
        if not response.is_success and response.status_code not in ignored:
            raise NotStaged(f"{method} {url}: {response.status_code} {response.text}")
        return response.json() if response.content else None

    async def sign_in(self, address: str, password: str) -> str:
        """The access token of a new sign-in session, which `sign_out` ends."""
        form = {"username": address, "password": password}
        token: str = (await self.call(self.identity, "POST", "/token", data=form))["access_token"]
        self.signed_in.append(token)
        return token

    async def sign_out(self) -> None:
        """End every session that was begun. What does not work any more is gone already."""
        for token in self.signed_in:
            await self.call(self.identity, "POST", "/logout", token, ignored=range(400, 500))

    async def until(self, client: httpx.AsyncClient, url: str, token: str, code: str) -> None:
        """Wait until `token` is refused with `code`, or with "" no more."""
        headers = {"Authorization": f"Bearer {token}"}
        deadline = time.monotonic() + _PATIENCE
        while True:
            response = await client.get(url, headers=headers)
            if (response.json().get("detail") or "") == code:
                return
            if time.monotonic() > deadline:
                raise NotStaged(f"GET {url} is still answered {response.status_code}, not {code}")
            await asyncio.sleep(0.1)


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token that was just issued, unverified."""
    return json_object(base64url_decode(token.split(".")[1]))
