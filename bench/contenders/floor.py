"""The floor: a bare ASGI program over asyncpg that keeps organizations apart by hand.

It verifies the token and sets the tenant for the same row level security as the core, for three
operations and nothing else: no admission, revocation, permission, limit, log, header or error.
`by_hand` verifies each token with PyJWT and sets the tenant by a statement of its own, so it makes
four round trips. `cached` remembers tokens and sends BEGIN and tenant together: three.
"""

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import asyncpg
import jwt
import msgspec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from starlette.types import Receive, Scope, Send

from shared_lib.ids import uuid7
from shared_lib.postgres import TenantConnection, driver_url
from shared_lib.tokens import CORE_AUDIENCE

URL, ISSUER, KEY = "BENCH_FLOOR_URL", "BENCH_FLOOR_ISSUER", "BENCH_FLOOR_KEY"
_POOL = 10
_POPUPS = "/api/v1/popups"
_COLUMNS = "id, name, slug, tagline, location, starts_at, ends_at, status, created_at, updated_at"
_LIST = (
    f"SELECT {_COLUMNS} FROM popups WHERE tenant_id = $1"  # noqa: S608 - constants
    " ORDER BY created_at DESC, id DESC LIMIT "
)
_GET = f"SELECT {_COLUMNS} FROM popups WHERE tenant_id = $1 AND id = $2"  # noqa: S608 - constants
_INSERT = (
    f"INSERT INTO popups (tenant_id, {_COLUMNS})"  # noqa: S608 - constants
    f" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING {_COLUMNS}"
)
_JSON = (b"content-type", b"application/json")


class New(msgspec.Struct, forbid_unknown_fields=True):
    """A popup as it is sent."""

    name: str
    slug: str
    tagline: str | None = None
    location: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    status: str = "draft"


_read_new = msgspec.json.Decoder(New).decode
_write = msgspec.json.Encoder().encode


async def _connect() -> Any:
    return await asyncpg.create_pool(
        driver_url(os.environ[URL]),
        min_size=_POOL,
        max_size=_POOL,
        connection_class=TenantConnection,
        max_cached_statement_lifetime=0,
        max_inactive_connection_lifetime=0,
        # Its reset would be one more round trip, and nothing here outlives a transaction.
        reset=_nothing,
    )


async def _nothing(_connection: Any) -> None:
    return


@cache
def _key() -> Any:
    return load_pem_public_key(os.environ[KEY].encode())


def _tenant_of(token: str) -> UUID:
    claims = jwt.decode(
        token,
        _key(),
        algorithms=["RS256"],
        audience=CORE_AUDIENCE,
        issuer=os.environ[ISSUER],
    )
    return UUID(claims["tenant_id"])


class _Remembered(dict[str, UUID]):
    def __missing__(self, token: str) -> UUID:
        tenant = self[token] = _tenant_of(token)
        return tenant


async def _set_by_statement(connection: Any, tenant: UUID, begin: str) -> None:
    await connection.execute(begin)
    await connection.execute(f"SET LOCAL app.current_tenant = '{tenant}'")


async def _set_at_once(connection: Any, tenant: UUID, begin: str) -> None:
    await connection.execute(f"{begin}; SET LOCAL app.current_tenant = '{tenant}'")


class Floor:
    """The program; `tenant_of` reads a token, `begin` opens the transaction."""

    def __init__(
        self,
        tenant_of: Callable[[str], UUID],
        begin: Callable[[Any, UUID, str], Awaitable[None]],
    ) -> None:
        self.tenant_of = tenant_of
        self.begin = begin
        self.pool: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        status, content = await self._answer(scope, receive)
        headers = [_JSON, (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        writes = scope["method"] == "POST"
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        if not sent:
            return 401, b""
        tenant = self.tenant_of(sent[0][7:].decode())
        body = await _body(receive) if writes else b""
        async with self.pool.acquire() as connection:
            await self.begin(connection, tenant, "BEGIN" if writes else "BEGIN READ ONLY")
            answer = await _answer(connection, tenant, scope, body)
            await connection.execute("COMMIT")
        return answer

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.pool = await _connect()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _answer(connection: Any, tenant: UUID, scope: Scope, body: bytes) -> tuple[int, bytes]:
    if scope["method"] == "POST":
        return 201, _write(dict(await _create(connection, tenant, _read_new(body))))
    if scope["path"] != _POPUPS:
        popup_id = UUID(scope["path"].rpartition("/")[2])
        return 200, _write(dict(await connection.fetchrow(_GET, tenant, popup_id)))
    limit = int(scope["query_string"].partition(b"limit=")[2] or b"50")
    # As the core does it: a LIMIT that is a parameter is planned anew each time.
    rows = await connection.fetch(f"{_LIST}{limit + 1:d}", tenant)
    paging = {"limit": limit, "more": len(rows) > limit}
    return 200, _write({"results": [dict(row) for row in rows[:limit]], "paging": paging})


async def _create(connection: Any, tenant: UUID, new: New) -> Any:
    now = datetime.now(UTC)
    return await connection.fetchrow(
        _INSERT,
        tenant,
        uuid7(),
        new.name,
        new.slug,
        new.tagline,
        new.location,
        new.starts_at,
        new.ends_at,
        new.status,
        now,
        now,
    )


async def _body(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


by_hand = Floor(_tenant_of, _set_by_statement)
cached = Floor(_Remembered().__getitem__, _set_at_once)
