"""The client of the other service's `/internal/` operations: facts that cross the line."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import msgspec

from shared_lib.jobs import JobFailed
from shared_lib.other_service import ask, read_json

_TIMEOUT = 5.0
_RENEW = 30.0  # seconds before its end at which a token is not used any more
_LONGEST = 3600.0  # seconds for which a token is used, whatever is said of it

TokenSource = Callable[[], Awaitable[str]]


@dataclass(frozen=True)
class _Granted:
    access_token: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._~+/-]+=*$")]  # RFC 6750 2.1
    expires_in: float


class NotDelivered(JobFailed):
    """The other service did not confirm; what was sent must be sent again."""


class InternalClient:
    """Sends facts. `http` has the other service as its base URL; `token` gives one for it.

    `refused` is called when the other service does not accept the token, as when the key that
    signed it was revoked: the next one should be another.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        token: TokenSource,
        *,
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._http = http
        self._token = token
        self._refused = refused

    async def put(self, path: str, body: Any) -> None:
        """PUT `body` as JSON. Raises NotDelivered unless the answer is 204."""
        await self._send("PUT", path, body)

    async def post(self, path: str, body: Any) -> None:
        """POST `body` as JSON. Raises NotDelivered unless the answer is 204."""
        await self._send("POST", path, body)

    async def _send(self, method: str, path: str, body: Any) -> None:
        try:
            # httpx's own limit is one for each read.
            async with asyncio.timeout(_TIMEOUT):
                response, _ = await ask(
                    self._http,
                    method,
                    path,
                    content=msgspec.json.encode(body),
                    headers={
                        "Authorization": f"Bearer {await self._token()}",
                        "Content-Type": "application/json",
                    },
                )
        except (httpx.HTTPError, TimeoutError) as error:
            raise NotDelivered(type(error).__name__) from error
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._refused()
        # Nothing else: a page that somebody on the way answers with 200 is no receipt.
        if response.status_code != httpx.codes.NO_CONTENT:
            raise NotDelivered(f"status {response.status_code}")


class ClientCredentials:
    """A token of the client credentials grant (RFC 6749 section 4.4), kept until it nearly ends.

    `audience` is the internal one of the service that the token is for.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        token_url: str,
        *,
        authorization: str,
        audience: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`authorization` is the value of the header by which the client authenticates itself."""
        self._http = http
        self._token_url = token_url
        self._authorization = authorization
        self._form = {"grant_type": "client_credentials", "audience": audience}
        self._token = ""
        self._until = 0.0
        self._lock = asyncio.Lock()
        self._clock = clock

    async def __call__(self) -> str:
        """The token. Raises NotDelivered when none can be had."""
        async with self._lock:
            if self._clock() >= self._until:
                await self._fetch()
            return self._token

    def forget(self) -> None:
        """Fetch another token when one is asked for."""
        self._until = 0.0

    async def _fetch(self) -> None:
        headers = {"Authorization": self._authorization}
        response, body = await ask(
            self._http, "POST", self._token_url, headers=headers, data=self._form
        )
        if response.status_code != httpx.codes.OK:
            raise NotDelivered(f"no token: status {response.status_code}")
        granted = read_json(body, _Granted)
        self._token = granted.access_token
        self._until = self._clock() + min(granted.expires_in, _LONGEST) - _RENEW
