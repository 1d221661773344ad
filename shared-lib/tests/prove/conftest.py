"""A catalogue that no rule finds a fault in, as plain values: a small `product` database."""

from typing import Any

import pytest

from shared_lib.prove import Catalogue
from shared_lib.tables import PREDICATES_AS_DEPARSED, Predicate

TENANT = PREDICATES_AS_DEPARSED[Predicate.TENANT]
CONTEXT = ("app.current_tenant", "app.current_person", "app.current_actor", "app.support_session")
PATH = "search_path=pg_catalog, pg_temp"

Row = dict[str, Any]


def table(name: str, **values: Any) -> Row:
    row = {"name": name, "kind": "r", "enabled": True, "forced": True, "has_tenant": True}
    return row | {"owner": "product_owner"} | values


def policy(table: str, role: str, **values: Any) -> Row:
    row = {"table": table, "name": f"{table}_{role}", "permissive": "PERMISSIVE", "cmd": "ALL"}
    return row | {"roles": [f"product_{role}"], "using": TENANT, "check": TENANT} | values


def grant(relation: str, role: str, privilege: str, column: str | None = None) -> Row:
    row = {"relation": relation, "kind": "r", "grantee": f"product_{role}", "grantable": False}
    return row | {"privilege": privilege, "column": column}


def key(table: str, name: str, kind: str, *columns: str) -> Row:
    return {"table": table, "name": name, "type": kind, "columns": list(columns), "validated": True}


def reference(name: str, *columns: str, to: str = "authors", **values: Any) -> Row:
    row = key("notes", name, "f", *columns) | {"referenced": to, "optional": False}
    row |= {"referenced_columns": ["tenant_id", "id"][-len(columns) :]}
    return row | {"on_delete": "a", "on_update": "a", "set_on_delete": list(columns)} | values


def index(table: str, name: str, first: str | None, *, unique: bool = False) -> Row:
    row = {"table": table, "name": name, "first": first, "unique": unique}
    return row | {"expressions": False, "leaking": None}


def column(table: str, name: str, type_: str = "uuid", *, required: bool = True) -> Row:
    return {"table": table, "name": name, "required": required, "type": type_, "kind": "b"}


def function(name: str, *callers: str, **values: Any) -> Row:
    row = {"name": name, "owner": "product_definer", "definer": True, "leakproof": False}
    return row | {"settings": [PATH], "callers": [f"product_{each}" for each in callers]} | values


def role(name: str, *, login: bool = True, **values: Any) -> Row:
    never = (
        *("superuser", "bypassrls", "createrole", "createdb", "replication"),
        *("creates", "temporary", "schemas", "set_config", "plpgsql"),
    )
    row = {"name": f"product_{name}", "login": login, "member_of": None, "members": None}
    return row | dict.fromkeys(never, False) | {"owned": 0} | values


def privilege(what: str, where: str, grantee: str) -> Row:
    return {"privilege": what, "object": where, "grantee": grantee}


@pytest.fixture(scope="session")
def sound() -> Catalogue:
    logins = ("app", "platform", "worker")
    return Catalogue(
        "product",
        180007,
        tables=[
            table("notes"),
            table("authors", kind="p"),
            table("organizations"),
            table("audit_events"),
            table("plans", enabled=False, forced=False, has_tenant=False),
            table("revocations", enabled=False, forced=False),
        ],
        columns=[
            column("notes", "tenant_id"),
            column("notes", "author_id", required=False),
            column("revocations", "tenant_id", required=False),
            column("plans", "price", "numeric"),
            column("plans", "mood", "mood") | {"kind": "e"},
        ],
        policies=[
            policy("notes", "app"),
            policy("organizations", "app", cmd="SELECT", check=None),
            policy("organizations", "worker", using="true", check="true"),
            policy("audit_events", "platform", cmd="INSERT", using=None, check="true"),
        ],
        policy_functions=[
            {"table": "notes", "policy": "notes_app", "volatility": "s"}
            | {"function": "current_setting(text,boolean)"}
        ],
        grants=[
            *(grant("notes", "app", privilege) for privilege in ("SELECT", "INSERT", "DELETE")),
            grant("notes", "app", "UPDATE", "body"),
            grant("organizations", "app", "SELECT"),
            grant("audit_events", "platform", "INSERT"),
        ],
        privileges=[
            privilege("CONNECT", "database", "product_app"),
            privilege("CONNECT", "database", "backup"),
            privilege("USAGE", "schema public", "product_app"),
            privilege("CREATE", "schema public", "product_definer"),
        ],
        closed=[{"role": "product_owner"}, {"role": "product_definer"}],
        keys=[
            key("notes", "pk_notes", "p", "tenant_id", "id"),
            key("notes", "uq_notes", "u", "tenant_id", "slug"),
            key("organizations", "uq_organizations_slug", "u", "slug"),
            key("plans", "pk_plans", "p", "id"),
            reference("fk_author", "tenant_id", "author_id"),
            reference(
                "fk_editor",
                *("tenant_id", "editor_id"),
                optional=True,
                on_delete="n",
                on_update="r",
                set_on_delete=["editor_id"],
            ),
            reference("fk_plan", "plan_id", to="plans", optional=True, on_update="c"),
        ],
        indexes=[
            index("notes", "pk_notes", "tenant_id", unique=True),
            index("organizations", "uq_organizations_slug", "slug", unique=True),
            index("organizations", "ix_organizations_newest", "created_at"),
            index("plans", "pk_plans", "id", unique=True),
        ],
        triggers=[
            {"table": "support_sessions", "name": "support_sessions_keep_ended", "enabled": "O"}
        ],
        functions=[
            function("admit(uuid)", *logins),
            function("found_organization(uuid)", "app"),
            function("record_row_history()", "owner"),
            function("keep_ended()", owner="product_owner", definer=False, settings=[]),
        ],
        roles=[
            role("owner", login=False, owned=6, creates=True, temporary=True, plpgsql=True),
            role("definer", login=False, creates=True, plpgsql=True),
            role("app"),
            role("platform"),
            role("worker", set_config=True),
        ],
        role_settings=[
            *(
                {"role": f"product_{each}", "setting": f'{name}=""'}
                for each in logins
                for name in CONTEXT
            ),
            {"role": "product_app", "setting": "app.another="},
            {"role": "product_app", "setting": "lock_timeout=3s"},
        ],
    )
