"""How one of our services reads what another one answers, or whatever stands in its place."""

from typing import Any, TypeVar

import httpx
import msgspec

Answered = TypeVar("Answered")
_MOST = 64 * 1024


class AnswerRefused(httpx.HTTPError):
    """The answer is longer than any of the other service's, or is not what it answers."""


async def ask(
    http: httpx.AsyncClient, method: str, url: str, *, headers: dict[str, str], **request: Any
) -> tuple[httpx.Response, bytes]:
    """The response, whose own body is not read, and its body of at most 64 KiB.

    Nothing is decompressed, so nothing can grow, and no redirect is followed. Raises
    httpx.HTTPError, of which AnswerRefused is one.
    """
    headers = {**headers, "Accept-Encoding": "identity"}
    async with http.stream(
        method, url, headers=headers, follow_redirects=False, **request
    ) as response:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > _MOST:
                raise AnswerRefused("longer than any answer")
    return response, bytes(body)


def read_json(body: bytes, kind: type[Answered]) -> Answered:
    """`body` as JSON of `kind`. Raises AnswerRefused."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (ValueError, RecursionError) as error:
        raise AnswerRefused(f"no {kind.__name__}") from error
