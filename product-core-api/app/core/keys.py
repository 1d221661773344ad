"""Verification keys: the client that has them, and the last good set, kept in the database so that
the core can start while identity is down.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.core.models import stored_key_sets
from shared_lib.clock import utc_now
from shared_lib.jwks import JwksClient
from shared_lib.tenancy import Database


async def _verification_keys(request: Request) -> JwksClient:
    keys: JwksClient = request.app.state.keys
    return keys


VerificationKeys = Annotated[JwksClient, Depends(_verification_keys)]


class StoredKeySet:
    """A `shared_lib.jwks.KeySetStore` in the table `stored_key_sets`."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine

    async def load(self) -> Mapping[str, Any] | None:
        """The document that was saved last, if any."""
        async with self._engine.connect() as connection:
            document: Mapping[str, Any] | None = await connection.scalar(
                select(stored_key_sets.c.document)
            )
        return document

    async def save(self, document: Mapping[str, Any]) -> None:
        """Keep a document in place of the one before."""
        values = {"document": dict(document), "stored_at": utc_now()}
        statement = insert(stored_key_sets).values(id=1, **values)
        async with self._engine.begin() as connection:
            await connection.execute(
                statement.on_conflict_do_update(index_elements=["id"], set_=values)
            )
