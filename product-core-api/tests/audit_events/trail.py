"""What the trail says of one call: found by the request id of its answer."""

from typing import Any
from uuid import UUID

import asyncpg
import httpx

PLATFORM = UUID("00000000-0000-0000-0000-000000000001")

# The name of each operation in the trail, succeeded or refused.
ACTIONS = {
    "get_me": "me.get",
    "get_org": "org.get",
    "update_org": "org.update",
    "list_support_sessions": "support_sessions.list",
    "end_support_session_of_org": "support_sessions.end",
    "update_support_access": "support_access.update",
    "list_audit_events": "audit_events.list",
    "list_popups": "popups.list",
    "get_popup": "popups.get",
    "create_popup": "popups.create",
    "update_popup": "popups.update",
    "delete_popup": "popups.delete",
    "start_support_session": "support_sessions.start",
    "end_support_session": "support_sessions.end",
    "list_live_support_sessions": "support_sessions.list",
    "search_organizations": "organizations.search",
    "list_support_audit_events": "audit_events.list",
    "list_organizations": "organizations.list",
    "found_organization": "organizations.found",
    "create_organization": "organizations.create",
    "get_organization": "organizations.get",
    "update_organization": "organizations.update",
    "extend_trial": "organizations.extend",
    "mark_paid": "organizations.mark",
    "mark_unpaid": "organizations.mark",
    "get_stats": "stats.get",
    "suspend_organization": "organizations.suspend",
    "reactivate_organization": "organizations.reactivate",
}


async def told(admin: asyncpg.Connection, response: httpx.Response) -> list[dict[str, Any]]:
    """Every event of the call that `response` answers, as rows."""
    rows = await admin.fetch(
        "SELECT * FROM audit_events WHERE request_id = $1 ORDER BY occurred_at, id",
        response.headers["x-request-id"],
    )
    return [dict(row) for row in rows]


async def told_once(admin: asyncpg.Connection, response: httpx.Response) -> dict[str, Any]:
    events = await told(admin, response)
    assert len(events) == 1, events
    return events[0]


def picked(event: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(event[name] for name in names)
