"""Verification keys: the client that has them, and the last good set, kept in the database so that
the core can start while identity is down.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from app.core.models import stored_key_sets
from shared_lib.clock import utc_now
from shared_lib.jwks import JwksClient
from shared_lib.tables import Statement
from shared_lib.tenancy import Database


async def _verification_keys(request: Request) -> JwksClient:
    keys: JwksClient = request.app.state.keys
    return keys


VerificationKeys = Annotated[JwksClient, Depends(_verification_keys)]


def _document(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return document


_LOAD = Statement(select(stored_key_sets.c.document), _document)
_INSERT = insert(stored_key_sets).values(
    id=1,
    document=bindparam("document", type_=stored_key_sets.c.document.type),
    stored_at=bindparam("stored_at", type_=stored_key_sets.c.stored_at.type),
)
_SAVE: Statement[Any] = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=["id"],
        set_={name: _INSERT.excluded[name] for name in ("document", "stored_at")},
    )
)


class StoredKeySet:
    """A `shared_lib.jwks.KeySetStore` in the table `stored_key_sets`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> Mapping[str, Any] | None:
        """The document that was saved last, if any."""
        async with self._database.connection() as connection:
            record = await connection.fetchrow(_LOAD.sql, *_LOAD.arguments({}))
        return None if record is None else _LOAD.row(record)

    async def save(self, document: Mapping[str, Any]) -> None:
        """Keep a document in place of the one before."""
        values = {"document": dict(document), "stored_at": utc_now()}
        async with self._database.connection() as connection:
            await connection.execute(_SAVE.sql, *_SAVE.arguments(values))
