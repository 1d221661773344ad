"""What an injected statement could plant among the jobs, and what comes of it."""

import json
from typing import Any

import asyncpg
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.postgres import Cluster
from tests.conftest import CoreReceiver, Identity, eventually

SUBJECT = str(uuid7())


def revocation(what: str, **changes: Any) -> dict[str, Any]:
    told = {"id": str(uuid7()), "what": what, "subject_id": SUBJECT, "tenant": None}
    return told | {"not_before": None, "ended_at": "2026-01-01T00:00:00Z"} | changes


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("send_revocation", revocation("session")),
        ("send_revocation", revocation("signing_key", subject_id="the current one")),
        ("send_revocation", revocation("person", not_before="2026-01-01T00:00:00Z")),
        ("send_revocation", revocation("membership", tenant=str(uuid7()))),
        ("tell_person", {"person_id": SUBJECT}),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("what", "person"),
)
async def test_it_is_held_and_told_to_nobody(
    cluster: Cluster,
    database_name: str,
    identity: Identity,
    core: CoreReceiver,
    kind: str,
    arguments: dict[str, Any],
) -> None:
    organization = await identity.make_organization()
    url = cluster.url(database_name, "identity_app").replace("+asyncpg", "")
    app = await asyncpg.connect(url)
    async with app.transaction():
        await app.execute(f"SET LOCAL app.current_tenant = '{organization.id}'")
        await app.execute(
            "INSERT INTO jobs (tenant_id, id, kind, arguments, run_at)"
            " VALUES ($1, gen_random_uuid(), $2, $3, now())",
            organization.id,
            kind,
            json.dumps(arguments),
        )
    await app.close()
    held = "SELECT failure FROM jobs WHERE tenant_id = $1 AND held_at IS NOT NULL"
    await eventually(lambda: identity.admin.fetchval(held, organization.id))
    failure = await identity.admin.fetchval(held, organization.id)
    assert failure.startswith("JobRefused: no organization")
    assert arguments.get("subject_id", SUBJECT) not in str([each.body for each in core.received])
    await identity.admin.execute("DELETE FROM jobs WHERE tenant_id = $1", organization.id)
