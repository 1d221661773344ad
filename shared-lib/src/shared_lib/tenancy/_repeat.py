"""A request that names an Idempotency-Key: found again, reserved, kept, completed, released."""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shared_lib.idempotency import (
    AnswerStore,
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
    KeptAnswer,
    RequestAlreadyDone,
    RequestInProgress,
)
from shared_lib.ids import uuid7
from shared_lib.tenancy._access import Idempotent
from shared_lib.tenancy._transaction import Tx
from shared_lib.tokens import TokenData

HEADER = "idempotency-key"
REPLAYED = "idempotency-replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_CREATED, _SUCCESSES = 201, range(200, 300)


@dataclass(frozen=True)
class Repeat:
    """One request under a key. `reservation` tells it from others under the same one."""

    store: AnswerStore
    keeps: str | None
    actor_id: UUID
    key: str
    fingerprint: bytes
    reservation: UUID

    async def find(self, tx: Tx) -> Response | None:
        """The answer that the request got before, or None: then nobody else works under its key.

        Raises IdempotencyKeyReused, RequestInProgress or RequestAlreadyDone.
        """
        kept = await tx.one(self.store.find, lock=self._lock(), **self._this())
        if kept is None or kept.fingerprint is None:
            if kept is None or not kept.locked:
                raise RequestInProgress
            return None
        if kept.fingerprint != self.fingerprint:
            raise IdempotencyKeyReused
        if kept.status is None:
            raise RequestInProgress
        if kept.body is None:
            raise RequestAlreadyDone(kept.resource_id)
        return _again(kept, kept.status, kept.body)

    async def reserve(self, tx: Tx) -> None:
        """Take the key for longer than `tx`. Raises what `find` raises."""
        if await self.find(tx) is not None:
            raise LookupError("the whole answer of an operation with own transactions was kept")
        await self._put(tx)

    async def keep(self, tx: Tx, response: Response) -> None:
        """Keep a success, or its id, in the transaction of the change. Raises RequestInProgress:
        somebody was faster, and the change must not stand.
        """
        if response.status_code not in _SUCCESSES:
            return
        if self.keeps is not None:
            resource_id = str(msgspec.json.decode(response.body)[self.keeps])
            await self._put(tx, status=response.status_code, resource_id=resource_id)
            return
        if "set-cookie" in response.headers:
            raise TypeError("an answer that sets a cookie must not be kept: idempotent(keeps=…)")
        await self._put(
            tx,
            status=response.status_code,
            content_type=response.headers.get("content-type"),
            location=response.headers.get("location"),
            body=bytes(response.body),
        )

    async def complete(self, tx: Tx, resource_id: str) -> None:
        """Make a reservation good in the transaction of the change. Raises RequestInProgress: it
        was taken for dead and somebody else works under the key.
        """
        reserved = {"reservation": self.reservation, **self._this()}
        done = {"status": _CREATED, "resource_id": resource_id}
        if not await tx.execute(self.store.complete, **reserved, **done):
            raise RequestInProgress

    def release(self) -> tuple[str, list[Any]]:
        """The statement that gives a reservation up, and its arguments."""
        statement = self.store.release
        return statement.sql, statement.arguments({"reservation": self.reservation, **self._this()})

    async def _put(self, tx: Tx, **answer: Any) -> None:
        values = {
            **dict.fromkeys(("status", "content_type", "location", "body", "resource_id")),
            **answer,
        }
        mine = {"fingerprint": self.fingerprint, "reservation": self.reservation, **self._this()}
        if not await tx.execute(self.store.put, **mine, **values):
            raise RequestInProgress

    def _this(self) -> dict[str, Any]:
        return {"actor_id": self.actor_id, "key": self.key}

    def _lock(self) -> int:
        """The advisory lock of actor and key; others share it with a chance of 1 in 2^64."""
        digest = sha256(b"idempotency-key\0" + self.actor_id.bytes + self.key.encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


async def repeat_of(
    store: AnswerStore | None,
    declared: Idempotent | None,
    token: TokenData | None,
    request: Request,
) -> Repeat | None:
    """What the request's Idempotency-Key makes of it; None without one, without a caller, and for
    operations that take none. Raises InvalidIdempotencyKey.
    """
    if declared is None or declared.reason or token is None:
        return None
    sent = request.headers.getlist(HEADER)
    if not sent:
        return None
    if len(sent) > 1 or not _KEY.fullmatch(sent[0]):
        raise InvalidIdempotencyKey
    if store is None:
        raise LookupError("this service keeps no answers")
    return Repeat(
        store=store,
        keeps=declared.keeps,
        actor_id=token.actor_id,
        key=sent[0],
        fingerprint=_fingerprint(request, token, await request.body()),
        reservation=uuid7(),
    )


def _fingerprint(request: Request, token: TokenData, body: bytes) -> bytes:
    """What makes two requests the same: who is acted as and where, operation, query, body."""
    scope = request.scope
    parts = (
        scope["method"].encode(),
        scope["path"].encode(),
        scope["query_string"],
        token.tenant_id.bytes if token.tenant_id else b"",
        token.sub.bytes,
        sha256(body).digest(),
    )
    return sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


def _again(kept: KeptAnswer, status: int, body: bytes) -> Response:
    headers = {REPLAYED: "true"}
    if kept.content_type is not None:
        headers["content-type"] = kept.content_type
    if kept.location is not None:
        headers["location"] = kept.location
    return Response(body, status, headers=headers)
