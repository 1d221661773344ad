"""One request to every operation of the API, aimed at the things of one organization."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx

from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from tests.conftest import Tenant

REASON = "The customer asked for help"


@dataclass(frozen=True)
class World:
    """An organization with a popup, a live support session, an audit event and an owner of its own.

    `secret` stands in every text of it that an answer could show.
    """

    tenant: Tenant
    secret: str
    popup_id: UUID
    session_id: UUID
    event_id: UUID
    agent_id: UUID
    agent_sid: UUID
    person_id: UUID


@dataclass(frozen=True)
class Call:
    """A request, and the answer that says that it was let through."""

    method: str
    path: str
    json: object = None
    done: str = "ok"

    async def send(self, client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
        return await client.request(self.method, self.path, json=self.json, headers=headers)

    def answer(self, response: httpx.Response) -> str:
        """`ok`, or the code of the refusal."""
        answered = "ok" if response.is_success else response.json()["detail"]
        return "ok" if answered == self.done else str(answered)


@dataclass(frozen=True)
class SupportSession:
    """A row of support_sessions as a test wants it; instants are relative to now."""

    tenant_id: UUID
    agent_id: UUID = field(default_factory=uuid7)
    agent_sid: UUID = field(default_factory=uuid7)
    id: UUID = field(default_factory=uuid7)
    member_id: UUID | None = None
    role: str = "support"
    mode: str = "read_only"
    reason: str = REASON
    ticket: str | None = None
    age: timedelta = timedelta(minutes=1)
    length: timedelta = timedelta(minutes=30)
    ended: bool = False

    async def insert(self, admin: asyncpg.Connection) -> "SupportSession":
        started_at = utc_now() - self.age
        await admin.execute(
            "INSERT INTO support_sessions (tenant_id, id, agent_id, agent_sid, member_id, role,"
            " mode, reason, ticket, started_at, expires_at, ended_at, ended_by)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            *(self.tenant_id, self.id, self.agent_id, self.agent_sid, self.member_id),
            *(self.role, self.mode, self.reason, self.ticket, started_at),
            *(started_at + self.length, utc_now() if self.ended else None, None),
        )
        return self


async def insert_popup(admin: asyncpg.Connection, tenant_id: UUID, name: str) -> UUID:
    popup_id = uuid7()
    await admin.execute(
        "INSERT INTO popups (tenant_id, id, name, slug, status, created_at, updated_at)"
        " VALUES ($1, $2, $3, $4, 'draft', now(), now())",
        *(tenant_id, popup_id, name, f"slug-{popup_id.hex}"),
    )
    return popup_id


async def insert_event(admin: asyncpg.Connection, tenant_id: UUID, reason: str) -> UUID:
    event_id = uuid7()
    await admin.execute(
        "INSERT INTO audit_events (tenant_id, id, occurred_at, action, resource, outcome, reason,"
        " client_ip, user_agent, request_id) VALUES ($1, $2, now(), 'org.read', 'org',"
        " 'succeeded', $3, '', '', '')",
        *(tenant_id, event_id, reason),
    )
    return event_id


async def insert_member(
    admin: asyncpg.Connection,
    tenant_id: UUID,
    email: str,
    *,
    role: str = "owner",
    active: bool = True,
) -> UUID:
    person_id = uuid7()
    await admin.execute(
        "INSERT INTO members (tenant_id, person_id, name, email, role, active, version, updated_at)"
        " VALUES ($1, $2, $3, $3, $4, $5, 1, now())",
        *(tenant_id, person_id, email, role, active),
    )
    return person_id


async def make_world(admin: asyncpg.Connection, tenant: Tenant) -> World:
    secret = f"secret-{uuid4().hex}"
    await admin.execute(
        "UPDATE organizations SET name = $1, suspension_reason = $1 WHERE tenant_id = $2",
        *(secret, tenant.id),
    )
    session = await SupportSession(tenant.id, reason=secret, ticket=secret).insert(admin)
    return World(
        tenant=tenant,
        secret=secret,
        popup_id=await insert_popup(admin, tenant.id, secret),
        session_id=session.id,
        event_id=await insert_event(admin, tenant.id, secret),
        agent_id=session.agent_id,
        agent_sid=session.agent_sid,
        person_id=await insert_member(admin, tenant.id, secret),
    )


def _member() -> dict[str, object]:
    who = {"name": "Eve", "email": "eve@example.org", "role": "owner", "active": True}
    return who | {"version": 2}


def _revocation(world: World) -> dict[str, object]:
    """About nobody: the session of no one."""
    now = utc_now().isoformat()
    one = {"id": str(uuid4()), "kind": "session", "subject_id": str(uuid4()), "ended_at": now}
    return {"revocations": [one]}


def security_event(tenant_id: UUID, /, **changes: object) -> dict[str, object]:
    """An event as the identity service tells it."""
    good: dict[str, object] = {
        "tenant_id": str(tenant_id),
        "id": str(uuid4()),
        "occurred_at": utc_now().isoformat(),
        "actor_id": str(uuid4()),
        "actor_role": "owner",
        "subject_id": str(uuid4()),
        "action": "members.update",
        "resource": "members",
        "resource_id": str(uuid4()),
        "outcome": "succeeded",
        "code": None,
        "reason": None,
        "client_ip": "203.0.113.7",
        "user_agent": "curl/8",
        "request_id": str(uuid4()),
        "changes": {"role": ["viewer", "admin"]},
    }
    return {name: value for name, value in (good | changes).items() if value != "absent"}


_API = "/api/v1"

# By operationId. The identity service is not there, so what asks it is let through when it says so.
RECIPES: dict[str, Callable[[World], Call]] = {
    "live": lambda _: Call("GET", "/health/live"),
    "ready": lambda _: Call("GET", "/health/ready"),
    "get_audit_keys": lambda _: Call("GET", "/.well-known/audit-keys.json"),
    "receive_revocations": lambda w: Call("POST", "/internal/revocations", _revocation(w)),
    "receive_audit_events": lambda w: Call(
        "POST", "/internal/audit-events", {"events": [security_event(w.tenant.id)]}
    ),
    "receive_member": lambda w: Call(
        "PUT", f"/internal/members/{w.tenant.id}/{w.person_id}", _member()
    ),
    "get_me": lambda _: Call("GET", f"{_API}/me"),
    "get_org": lambda _: Call("GET", f"{_API}/org"),
    "update_org": lambda _: Call("PATCH", f"{_API}/org", {"name": "Renamed"}),
    "list_support_sessions": lambda _: Call("GET", f"{_API}/org/support-sessions"),
    "end_support_session_of_org": lambda w: Call(
        "DELETE", f"{_API}/org/support-sessions/{w.session_id}"
    ),
    "update_support_access": lambda _: Call(
        "PUT", f"{_API}/org/support-access", {"support_access": "read_write"}
    ),
    "list_audit_events": lambda _: Call("GET", f"{_API}/org/audit-log"),
    "list_popups": lambda _: Call("GET", f"{_API}/popups"),
    "get_popup": lambda w: Call("GET", f"{_API}/popups/{w.popup_id}"),
    "create_popup": lambda _: Call("POST", f"{_API}/popups", {"name": "New"}),
    "update_popup": lambda w: Call("PATCH", f"{_API}/popups/{w.popup_id}", {"tagline": "Changed"}),
    "delete_popup": lambda w: Call("DELETE", f"{_API}/popups/{w.popup_id}"),
    "start_support_session": lambda w: Call(
        "POST",
        f"{_API}/support/impersonate/{w.tenant.id}",
        {"reason": REASON},
        done="identity_unavailable",
    ),
    "end_support_session": lambda w: Call("DELETE", f"{_API}/support/impersonate/{w.session_id}"),
    "list_live_support_sessions": lambda _: Call("GET", f"{_API}/support/sessions"),
    "search_organizations": lambda _: Call("GET", f"{_API}/support/orgs"),
    "list_support_audit_events": lambda w: Call(
        "GET", f"{_API}/support/audit-log?tenant_id={w.tenant.id}"
    ),
    "found_organization": lambda _: Call(
        "POST", f"{_API}/orgs", {"name": "Own", "slug": f"own-{uuid4().hex}"}
    ),
    "create_organization": lambda _: Call(
        "POST",
        f"{_API}/admin/orgs",
        {"name": "New", "slug": f"new-{uuid4().hex}", "first_owner_email": "first@example.com"},
    ),
    "get_organization": lambda w: Call("GET", f"{_API}/admin/orgs/{w.tenant.id}"),
    "update_organization": lambda w: Call(
        "PATCH", f"{_API}/admin/orgs/{w.tenant.id}", {"name": "Renamed"}
    ),
    "extend_trial": lambda w: Call(
        "POST", f"{_API}/admin/orgs/{w.tenant.id}/extend-trial", {"days": 7, "reason": "They asked"}
    ),
    "mark_paid": lambda w: Call("POST", f"{_API}/admin/orgs/{w.tenant.id}/mark-paid", {}),
    "mark_unpaid": lambda w: Call(
        "POST", f"{_API}/admin/orgs/{w.tenant.id}/mark-unpaid", {"reason": "Charged back"}
    ),
    "get_stats": lambda _: Call("GET", f"{_API}/admin/stats"),
    "list_organizations": lambda _: Call("GET", f"{_API}/admin/orgs"),
    "suspend_organization": lambda w: Call(
        "POST", f"{_API}/admin/orgs/{w.tenant.id}/suspend", {"reason": "Unpaid"}
    ),
    "reactivate_organization": lambda w: Call(
        "POST",
        f"{_API}/admin/orgs/{w.tenant.id}/reactivate",
        {},
        done="organization_not_suspended",
    ),
}
