"""The rules of publishing: how an answer is cached and when it need not be repeated."""

from collections.abc import Iterable

from fastapi import Response

from shared_lib.jwks import MEDIA_TYPE
from shared_lib.keys import PublishedKeys

__all__ = ["answer"]


def answer(published: PublishedKeys, if_none_match: Iterable[str]) -> Response:
    """The key set, or 304 for a client that has it (RFC 9110 section 13.1.2)."""
    headers = {
        "Cache-Control": f"public, max-age={published.max_age}",
        "ETag": published.etag,
    }
    known = {tag.strip().removeprefix("W/") for line in if_none_match for tag in line.split(",")}
    if known & {"*", published.etag}:
        return Response(status_code=304, headers=headers)
    return Response(published.body, headers=headers, media_type=MEDIA_TYPE)
