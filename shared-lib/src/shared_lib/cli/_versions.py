"""Versions after a restore: what the sender says must be newer than what the receiver has heard.

A receiver keeps the highest version. Restored to an earlier moment, a sender counts from there
again, and the other service would believe none of it until it has caught up.
"""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from shared_lib.cli._settings import Service

__all__ = ["VERSIONED", "Versioned", "catch_up"]

_BATCH = 1000
_BEFORE_ALL = (UUID(int=0), "")


@dataclass(frozen=True)
class Versioned:
    """A fact that carries the version of its row.

    `sent` and `heard` read organization, what the fact is about there, version and content, in the
    database of the sender and of the receiver; `raised` sets the version ($3) of one row.
    """

    fact: str
    sender: Service
    receiver: Service
    sent: str
    heard: str
    raised: str


VERSIONED = (
    Versioned(
        "organization",
        Service.CORE,
        Service.IDENTITY,
        sent="SELECT tenant_id, tenant_id::text AS subject, version,"
        " ROW(slug, name, status)::text AS content FROM organizations",
        heard="SELECT id AS tenant_id, id::text AS subject, version,"
        " ROW(slug, name, status)::text AS content FROM tenants",
        raised="UPDATE organizations SET version = $3"
        " WHERE tenant_id = $1 AND tenant_id = $2::text::uuid AND version < $3",
    ),
    Versioned(
        "member",
        Service.IDENTITY,
        Service.CORE,
        sent="SELECT m.tenant_id, m.person_id::text AS subject, m.version,"
        " ROW(p.name, p.email, m.role, m.active AND p.active)::text AS content"
        " FROM memberships m JOIN people p ON p.id = m.person_id",
        heard="SELECT tenant_id, person_id::text AS subject, version,"
        " ROW(name, email, role, active)::text AS content FROM members",
        raised="UPDATE memberships SET version = $3"
        " WHERE tenant_id = $1 AND person_id = $2::text::uuid AND version < $3",
    ),
)


async def catch_up(
    sender: asyncpg.Connection, receiver: asyncpg.Connection, fact: Versioned
) -> int:
    """Raise the versions that the receiver has overtaken, or heard otherwise; how many."""
    last, raised = _BEFORE_ALL, 0
    while rows := await sender.fetch(_page(fact.sent, "LIMIT $3"), *last, _BATCH):
        until = (rows[-1]["tenant_id"], rows[-1]["subject"])
        page = _page(fact.heard, 'AND (tenant_id, subject COLLATE "C") <= ($3::uuid, $4::text)')
        heard = {_key(row): row for row in await receiver.fetch(page, *last, *until)}
        behind = [
            (*_key(row), known["version"] + 1)
            for row in rows
            if (known := heard.get(_key(row))) is not None and _is_behind(row, known)
        ]
        async with sender.transaction():
            await sender.executemany(fact.raised, behind)
        last, raised = until, raised + len(behind)
    return raised


def _is_behind(sent: asyncpg.Record, heard: asyncpg.Record) -> bool:
    if sent["version"] != heard["version"]:
        return bool(sent["version"] < heard["version"])
    return bool(sent["content"] != heard["content"])


def _key(row: asyncpg.Record) -> tuple[UUID, str]:
    return row["tenant_id"], row["subject"]


def _page(query: str, end: str) -> str:
    """Rows of `query` behind ($1, $2), in order."""
    order = 'ORDER BY tenant_id, subject COLLATE "C"'
    behind = 'WHERE (tenant_id, subject COLLATE "C") > ($1::uuid, $2::text)'
    limited = f"{order} {end}" if end.startswith("LIMIT") else f"{end} {order}"
    return f"SELECT * FROM ({query}) facts {behind} {limited}"  # noqa: S608  constants, see above
