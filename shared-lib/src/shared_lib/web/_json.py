"""The JSON response: msgspec straight to bytes."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from shared_lib.web._pagination import Listing


def _fields(value: Any) -> Any:
    if isinstance(value, Listing):
        return {"results": value.results, "paging": value.paging}
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(enc_hook=_fields)


class Json(Response):
    """A JSON answer made of dataclasses, a Listing, dicts, lists and scalars.

    Times must be aware and in UTC to come out as RFC 3339 with `Z` (asyncpg's are); UUIDs, also
    asyncpg's subclass, become canonical text and decimals strings. Anything else: TypeError.
    """

    media_type = "application/json"

    def __init__(
        self, content: Any, status_code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(_encoder.encode(content), status_code, headers)
