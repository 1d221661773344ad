"""Every operation of both services, asked by Acme's owner for what is Globex's."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import MakeSystem
from tests.people import (
    ACME,
    API,
    GLOBEX,
    PASSWORD,
    REASON,
    create_account,
    invite,
    sign_in,
    token_request,
)
from tests.system import System

pytestmark = pytest.mark.database

MARK = "only-globex-may-see-this"
TABLES = (
    *("organizations", "popups", "support_sessions", "members"),
    *("audit_events", "row_history"),
)
IDENTITY_TABLES = ("memberships", "invitations", "service_accounts", "service_account_secrets")
FORGED = "A" * 64


@dataclass(frozen=True)
class Globex:
    """What belongs to Globex; `traces` are texts that no answer to others may hold."""

    popup_id: str
    session_id: str
    member_id: str
    sign_in_id: str
    account_id: str
    secret_id: str
    invitation_id: str
    link_token: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    outsider: dict[str, str] = field(repr=False)
    """What a service account of Acme authenticates itself with."""
    traces: frozenset[str]


@dataclass(frozen=True)
class Recipe:
    """A request, and what Acme's owner is answered: `ok`, or the code of the refusal.

    `owner_only`: another member would do away with himself.
    """

    method: str
    path: str
    expected: str
    options: dict[str, Any] = field(default_factory=dict)
    owner_only: bool = False


def _json(method: str, path: str, expected: str, body: object) -> Recipe:
    return Recipe(method, path, expected, {"json": body})


_STAFF_ONLY = "missing_permission"

CORE: dict[str, Callable[[Globex], Recipe]] = {
    "live": lambda _: Recipe("GET", "/health/live", "ok"),
    "ready": lambda _: Recipe("GET", "/health/ready", "ok"),
    "receive_revocations": lambda _: _json(
        "POST", "/internal/revocations", "invalid_token", {"revocations": []}
    ),
    "receive_member": lambda g: _json(
        "PUT", f"/internal/members/{GLOBEX}/{g.member_id}", "invalid_token", {"version": 2}
    ),
    "receive_audit_events": lambda _: _json(
        "POST",
        "/internal/audit-events",
        "invalid_token",
        {"events": [{"tenant_id": str(GLOBEX), "action": "members.update"}]},
    ),
    "get_me": lambda _: Recipe("GET", f"{API}/me", "ok"),
    "found_organization": lambda _: _json(
        "POST", f"{API}/orgs", "ok", {"name": "Another", "slug": f"another-{uuid4().hex}"}
    ),
    "create_organization": lambda _: _json(
        "POST",
        f"{API}/admin/orgs",
        _STAFF_ONLY,
        {"name": "Another", "first_owner_email": "first@example.com"},
    ),
    "get_organization": lambda _: Recipe("GET", f"{API}/admin/orgs/{GLOBEX}", _STAFF_ONLY),
    "update_organization": lambda _: _json(
        "PATCH", f"{API}/admin/orgs/{GLOBEX}", _STAFF_ONLY, {"name": "Ours"}
    ),
    "extend_trial": lambda _: _json(
        "POST",
        f"{API}/admin/orgs/{GLOBEX}/extend-trial",
        _STAFF_ONLY,
        {"days": 7, "reason": REASON},
    ),
    "mark_paid": lambda _: _json("POST", f"{API}/admin/orgs/{GLOBEX}/mark-paid", _STAFF_ONLY, {}),
    "mark_unpaid": lambda _: _json(
        "POST", f"{API}/admin/orgs/{GLOBEX}/mark-unpaid", _STAFF_ONLY, {"reason": REASON}
    ),
    "get_stats": lambda _: Recipe("GET", f"{API}/admin/stats", _STAFF_ONLY),
    "get_org": lambda _: Recipe("GET", f"{API}/org?tenant_id={GLOBEX}", "ok"),
    "update_org": lambda _: _json("PATCH", f"{API}/org", "ok", {"name": "Acme"}),
    "list_support_sessions": lambda _: Recipe("GET", f"{API}/org/support-sessions", "ok"),
    "end_support_session_of_org": lambda g: Recipe(
        "DELETE", f"{API}/org/support-sessions/{g.session_id}", "support_session_not_found"
    ),
    "update_support_access": lambda _: _json(
        "PUT", f"{API}/org/support-access", "ok", {"support_access": "read_only"}
    ),
    "list_audit_events": lambda _: Recipe("GET", f"{API}/org/audit-log?tenant_id={GLOBEX}", "ok"),
    "list_popups": lambda _: Recipe("GET", f"{API}/popups?tenant_id={GLOBEX}", "ok"),
    "get_popup": lambda g: Recipe("GET", f"{API}/popups/{g.popup_id}", "popup_not_found"),
    "create_popup": lambda _: _json(
        "POST", f"{API}/popups", "validation_failed", {"name": "x", "tenant_id": str(GLOBEX)}
    ),
    "update_popup": lambda g: _json(
        "PATCH", f"{API}/popups/{g.popup_id}", "popup_not_found", {"name": "Ours"}
    ),
    "delete_popup": lambda g: Recipe("DELETE", f"{API}/popups/{g.popup_id}", "popup_not_found"),
    "start_support_session": lambda g: _json(
        "POST",
        f"{API}/support/impersonate/{GLOBEX}",
        _STAFF_ONLY,
        {"reason": REASON, "member_id": g.member_id},
    ),
    "end_support_session": lambda g: Recipe(
        "DELETE", f"{API}/support/impersonate/{g.session_id}", _STAFF_ONLY
    ),
    "list_live_support_sessions": lambda _: Recipe("GET", f"{API}/support/sessions", _STAFF_ONLY),
    "search_organizations": lambda _: Recipe(
        "GET", f"{API}/support/orgs?search=globex", _STAFF_ONLY
    ),
    "list_support_audit_events": lambda _: Recipe(
        "GET", f"{API}/support/audit-log?tenant_id={GLOBEX}", _STAFF_ONLY
    ),
    "list_organizations": lambda _: Recipe("GET", f"{API}/admin/orgs", _STAFF_ONLY),
    "suspend_organization": lambda _: _json(
        "POST", f"{API}/admin/orgs/{GLOBEX}/suspend", _STAFF_ONLY, {"reason": REASON}
    ),
    "reactivate_organization": lambda _: _json(
        "POST", f"{API}/admin/orgs/{GLOBEX}/reactivate", _STAFF_ONLY, {}
    ),
}

IDENTITY: dict[str, Callable[[Globex], Recipe]] = {
    "live": lambda _: Recipe("GET", "/health/live", "ok"),
    "ready": lambda _: Recipe("GET", "/health/ready", "ok"),
    "get_jwks": lambda _: Recipe("GET", "/.well-known/jwks.json", "ok"),
    "get_authorization_server_metadata": lambda _: Recipe(
        "GET", "/.well-known/oauth-authorization-server", "ok"
    ),
    "list_signing_keys": lambda _: Recipe("GET", "/admin/keys", _STAFF_ONLY),
    "revoke_signing_key": lambda _: _json(
        "POST", "/admin/keys/unknown/revoke", _STAFF_ONLY, {"reason": REASON}
    ),
    "get_me": lambda _: Recipe("GET", f"/me?tenant_id={GLOBEX}", "ok"),
    "get_authorization_server_metadata_of_path": lambda _: Recipe(
        "GET", "/.well-known/oauth-authorization-server/globex", "not_found"
    ),
    "list_service_accounts": lambda _: Recipe("GET", f"/service-accounts?tenant_id={GLOBEX}", "ok"),
    "get_service_account": lambda g: Recipe(
        "GET", f"/service-accounts/{g.account_id}", "service_account_not_found"
    ),
    "create_service_account": lambda _: _json(
        "POST",
        "/service-accounts",
        "validation_failed",
        {"name": "x", "role": "viewer", "tenant_id": str(GLOBEX)},
    ),
    "revoke_service_account": lambda g: Recipe(
        "DELETE", f"/service-accounts/{g.account_id}", "service_account_not_found"
    ),
    "create_service_account_secret": lambda g: _json(
        "POST", f"/service-accounts/{g.account_id}/secrets", "service_account_not_found", {}
    ),
    "revoke_service_account_secret": lambda g: Recipe(
        "DELETE",
        f"/service-accounts/{g.account_id}/secrets/{g.secret_id}",
        "service_account_not_found",
    ),
    "list_members": lambda _: Recipe("GET", f"/members?tenant_id={GLOBEX}", "ok"),
    "update_member": lambda g: _json(
        "PATCH", f"/members/{g.member_id}", "member_not_found", {"role": "viewer"}
    ),
    "remove_member": lambda g: Recipe("DELETE", f"/members/{g.member_id}", "member_not_found"),
    "leave_organization": lambda _: Recipe(
        "DELETE", f"/members/me?tenant_id={GLOBEX}", "last_owner", owner_only=True
    ),
    "list_invitations": lambda _: Recipe("GET", f"/invitations?tenant_id={GLOBEX}", "ok"),
    "create_invitation": lambda _: _json(
        "POST",
        "/invitations",
        "validation_failed",
        {"email": "a@example.com", "role": "viewer", "tenant_id": str(GLOBEX)},
    ),
    "invite_owner": lambda _: _json(
        "POST",
        f"/admin/tenants/{GLOBEX}/invite-owner",
        _STAFF_ONLY,
        {"email": "owner@acme.example.com"},
    ),
    "resend_invitation": lambda g: Recipe(
        "POST", f"/invitations/{g.invitation_id}/resend", "invitation_not_found"
    ),
    "revoke_invitation": lambda g: Recipe(
        "DELETE", f"/invitations/{g.invitation_id}", "invitation_not_found"
    ),
    "lookup_invitation": lambda _: _json(
        "POST", "/invitations/lookup", "invitation_unknown", {"token": FORGED}
    ),
    "accept_invitation": lambda _: _json(
        "POST",
        "/invitations/accept",
        "invitation_unknown",
        {"token": FORGED, "name": "x", "password": PASSWORD},
    ),
    # Even with a link that is good.
    "join_by_invitation": lambda g: _json(
        "POST",
        "/me/invitations/accept",
        "invitation_for_another_address",
        {"token": g.link_token},
    ),
    "receive_tenant": lambda _: _json(
        "PUT", f"/internal/tenants/{GLOBEX}", "invalid_token", {"status": "suspended"}
    ),
    "introspect_token": lambda g: Recipe(
        "POST", "/introspect", "ok", {"data": {"token": g.access_token, **g.outsider}}
    ),
    "revoke_token": lambda g: Recipe(
        "POST", "/revoke", "ok", {"data": {"token": g.refresh_token, **g.outsider}}
    ),
    "update_me": lambda g: _json("PATCH", f"/me?person_id={g.member_id}", "ok", {}),
    "change_password": lambda _: _json(
        "PUT",
        "/me/password",
        "current_password_wrong",
        {"current_password": "not this one", "new_password": "a horse of another colour"},
    ),
    "list_sessions": lambda g: Recipe("GET", f"/sessions?person_id={g.member_id}", "ok"),
    "end_session": lambda g: Recipe("DELETE", f"/sessions/{g.sign_in_id}", "session_not_found"),
    "logout": lambda g: Recipe("POST", f"/logout?sid={g.session_id}", "ok"),
    "logout_everywhere": lambda g: Recipe("POST", f"/logout/all?person_id={g.member_id}", "ok"),
    "create_sign_up": lambda _: _json(
        "POST", "/sign-up", "ok", {"email": "owner@globex.example.com"}
    ),
    "complete_sign_up": lambda g: _json(
        "POST",
        "/sign-up/complete",
        "sign_up_link_invalid",
        {"token": g.sign_in_id, "name": "x", "password": "a horse of another colour"},
    ),
    "create_password_reset": lambda _: _json(
        "POST", "/password-reset", "ok", {"email": "admin@globex.example.com"}
    ),
    "complete_password_reset": lambda g: _json(
        "POST",
        "/password-reset/complete",
        "password_reset_link_invalid",
        {"token": g.sign_in_id, "password": "a horse of another colour"},
    ),
    "list_people": lambda _: Recipe("GET", "/admin/people?search=globex", _STAFF_ONLY),
    "get_person": lambda g: Recipe("GET", f"/admin/people/{g.member_id}", _STAFF_ONLY),
    "deactivate_person": lambda g: _json(
        "POST", f"/admin/people/{g.member_id}/deactivate", _STAFF_ONLY, {"reason": REASON}
    ),
    "reactivate_person": lambda g: _json(
        "POST", f"/admin/people/{g.member_id}/reactivate", _STAFF_ONLY, {}
    ),
    "issue_token": lambda _: Recipe(
        "POST",
        "/token",
        "tenant_not_found",
        {
            "data": {
                "username": "owner@acme.example.com",
                "password": PASSWORD,
                "tenant_id": str(GLOBEX),
            }
        },
    ),
}
RECIPES = {"core": CORE, "identity": IDENTITY}


@pytest.fixture(scope="module")
def pair(make_system: MakeSystem) -> System:
    """A system that nothing else writes to."""
    return make_system()


@pytest.fixture(scope="module")
def globex(pair: System) -> Globex:
    owner = sign_in(pair, "owner@globex.example.com")
    created = owner.core("POST", "/popups", json={"name": MARK})
    assert created.status_code == 201
    agent = sign_in(pair, "support@numbersence.com")
    support = agent.impersonate(GLOBEX, reason=MARK, ticket=MARK)
    assert MARK in support.popups()
    everything = [
        *(row["id"] for path in ("/popups", "/org/audit-log") for row in owner.results(path)),
        *(row["id"] for row in owner.results("/org/support-sessions")),
    ]
    members = pair.sql("identity", "SELECT person_id FROM memberships WHERE tenant_id = $1", GLOBEX)
    assert len(everything) > 6
    assert len(members) == 5
    account = create_account(owner, "admin", name=MARK)
    outsider = create_account(sign_in(pair, "owner@acme.example.com"))
    invitation_id, link_token = invite(owner, "guest@globex.example.com")
    return Globex(
        account_id=account.id,
        secret_id=account.secret_id,
        invitation_id=invitation_id,
        link_token=link_token,
        access_token=owner.access_token,
        outsider={"client_id": outsider.id, "client_secret": outsider.secret},
        popup_id=created.json()["id"],
        session_id=support.claims["support"]["id"],
        member_id=owner.id,
        sign_in_id=owner.claims["sid"],
        refresh_token=str(owner.refresh_token),
        traces=frozenset(
            [MARK, "globex.example.com", str(GLOBEX), *everything, agent.claims["sid"]]
            + [account.id, account.secret_id, account.secret, invitation_id, link_token]
            + [owner.claims["sid"]]
            + [str(row["person_id"]) for row in members]
        ),
    )


def documents(system: System) -> dict[str, dict[str, tuple[str, str]]]:
    """Of each service, every operation that its document names: method and path."""
    urls = {
        "core": f"{system.core.url}{API}/openapi.json",
        "identity": f"{system.identity.url}/openapi.json",
    }
    return {
        name: {
            operation["operationId"]: (method.upper(), path)
            for path, operations in system.client.get(url).json()["paths"].items()
            for method, operation in operations.items()
        }
        for name, url in urls.items()
    }


def rows_of_globex(system: System) -> list[Any]:
    """All that both databases hold of Globex."""

    def every_row(database: str, tables: tuple[str, ...]) -> Any:
        subqueries = (
            f"(SELECT json_agg(row ORDER BY row::text) FROM {table} AS row WHERE tenant_id = $1)"  # noqa: S608
            for table in tables
        )
        return system.sql(database, f"SELECT {', '.join(subqueries)}", GLOBEX)

    return [every_row("product", TABLES), every_row("identity", IDENTITY_TABLES)]


def test_every_operation_has_a_recipe_that_calls_it(pair: System, globex: Globex) -> None:
    found = documents(pair)
    for name, operations in found.items():
        assert set(RECIPES[name]) == set(operations), name
        for operation_id, (method, template) in operations.items():
            recipe = RECIPES[name][operation_id](globex)
            parts = recipe.path.partition("?")[0].split("/")
            assert recipe.method == method
            assert len(parts) == len(template.split("/")), operation_id
            for part, wanted in zip(parts, template.split("/"), strict=True):
                assert part == wanted or wanted.startswith("{"), operation_id


@pytest.mark.parametrize("role", ["owner", "admin", "viewer"])
@pytest.mark.parametrize(
    ("name", "operation_id"),
    [(name, each) for name, recipes in RECIPES.items() for each in sorted(recipes)],
)
def test_nothing_of_globex_is_reached(
    pair: System, globex: Globex, name: str, operation_id: str, role: str
) -> None:
    recipe = RECIPES[name][operation_id](globex)
    if recipe.owner_only and role != "owner":
        pytest.skip("would end the caller's own membership")
    caller = sign_in(pair, f"{role}@acme.example.com")
    before = rows_of_globex(pair)
    url = {"core": pair.core.url, "identity": pair.identity.url}[name]
    response = caller.call(recipe.method, f"{url}{recipe.path}", **recipe.options)
    allowed = {recipe.expected} if role == "owner" else {recipe.expected, "missing_permission"}
    assert answered(response) in allowed
    if answered(response).endswith("_not_found") and name == "core":
        assert response.status_code == 404
    assert [trace for trace in globex.traces if trace in response.text] == []
    assert rows_of_globex(pair) == before


def test_the_traces_would_be_found(pair: System, globex: Globex) -> None:
    """What is looked for in the answers to Acme stands in the answers to Globex."""
    owner = sign_in(pair, "owner@globex.example.com")
    paths = ("/popups", "/org", "/org/support-sessions", "/org/audit-log")
    text = "".join(owner.core("GET", path).text for path in paths)
    text += owner.identity("GET", "/me").text
    text += owner.identity("GET", f"/service-accounts/{globex.account_id}").text
    missing = {trace for trace in globex.traces if trace not in text}
    looked_for = {MARK, str(GLOBEX), globex.popup_id, globex.session_id, globex.member_id}
    assert (looked_for | {globex.account_id, globex.secret_id}) & missing == set()


def test_a_person_of_acme_gets_no_token_for_globex(pair: System) -> None:
    person = sign_in(pair, "owner@acme.example.com")
    refused = token_request(
        pair,
        grant_type="refresh_token",
        refresh_token=str(person.refresh_token),
        tenant_id=str(GLOBEX),
    )
    assert answered(refused) == "tenant_not_found"
    assert sign_in(pair, "owner@acme.example.com").claims["tenant_id"] == str(ACME)


def answered(response: httpx.Response) -> str:
    return "ok" if response.is_success else str(response.json()["detail"])
