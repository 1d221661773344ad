"""Each rule about rights says exactly what is wrong with a catalogue of values."""

from dataclasses import replace
from typing import Any

import pytest

from shared_lib.prove import Catalogue, faults_of

# Rows of the sound catalogue, by number.
OWNER, DEFINER, APP, PLATFORM, WORKER = range(5)
ADMIT, FOUND, RECORD, INVOKER = range(4)

# A rule, the part of the catalogue, how its row of that number is changed, and what is said of it.
Case = tuple[str, str, int, dict[str, Any], list[str]]


def one(rule: str, part: str, number: int, values: dict[str, Any], *said: str) -> Case:
    return rule, part, number, values, list(said)


GRANTS = [
    one(
        *("grants", "grants", 0, {"kind": "S"}),
        "SELECT on notes to product_app: it is no table",
    ),
    one(
        *("grants", "grants", 0, {"relation": "alembic_version"}),
        "SELECT on alembic_version to product_app: Alembic's table is its owner's alone",
    ),
    one(
        *("grants", "grants", 0, {"grantee": "PUBLIC"}),
        "SELECT on notes to PUBLIC: everybody, or whoever he chooses, has it",
    ),
    one(
        *("grants", "grants", 0, {"grantable": True}),
        "SELECT on notes to product_app: everybody, or whoever he chooses, has it",
    ),
    *(
        one(
            *("grants", "grants", 0, {"privilege": never}),
            f"{never} on notes to product_app: goes around row level security, or lets a role act"
            " later",
        )
        for never in ("TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")
    ),
    one(
        *("grants", "grants", 3, {"column": None}),
        "UPDATE on notes to product_app: UPDATE is granted by column",
    ),
    one(
        *("grants", "grants", 5, {"privilege": "UPDATE", "column": "reason"}),
        "UPDATE on audit_events to product_platform: what it keeps is never changed",
    ),
    one(
        *("grants", "grants", 5, {"privilege": "DELETE"}),
        "DELETE on audit_events to product_platform: what it keeps is never changed",
    ),
]
ROLES = [
    one(
        *("roles", "roles", APP, {"name": "product_frontend"}),
        "role product_app is missing",
        "role product_frontend is not ours",
    ),
    *(
        one(*("roles", "roles", APP, {name: True}), f"role product_app has {name}")
        for name in ("superuser", "bypassrls", "createrole", "createdb", "replication")
    ),
    one(
        *("roles", "roles", APP, {"member_of": ["product_owner", "staff"]}),
        "role product_app is a member of product_owner, staff",
    ),
    one(
        *("roles", "roles", APP, {"members": ["identity_app", "staff"]}),
        "role product_app can be taken on by identity_app, staff",
    ),
    one(
        *("roles", "roles", DEFINER, {"login": True, "creates": False}),
        "role product_definer can log in",
    ),
    one(
        *("roles", "roles", OWNER, {"login": True, "creates": False, "temporary": False}),
        "role product_owner can log in",
    ),
    one(*("roles", "roles", APP, {"owned": 3}), "role product_app owns 3 relations"),
    *(
        one(
            *("roles", "roles", APP, {right: True}),
            "role product_app can create tables, which would come before ours",
        )
        for right in ("creates", "temporary", "schemas")
    ),
    one("roles", "tables", 0, {"owner": "product_app"}, "notes belongs to product_app"),
    one(
        *("set_config", "roles", APP, {"set_config": True}),
        "product_app may call set_config: an injected SELECT could change the tenant",
    ),
    one(
        *("set_config", "roles", PLATFORM, {"set_config": True}),
        "product_platform may call set_config: an injected SELECT could change the tenant",
    ),
    *(
        one("do_blocks", "roles", number, {"plpgsql": True}, f"product_{name} may run DO blocks")
        for number, name in ((APP, "app"), (PLATFORM, "platform"), (WORKER, "worker"))
    ),
]
FUNCTIONS = [
    one(
        *("definer_functions", "functions", RECORD, {"definer": False}),
        "record_row_history is not there, or does not run with rights of its own",
    ),
    one(
        *("definer_functions", "functions", INVOKER, {"definer": True}),
        "keep_ended() runs with rights of its owner's, and nobody has listed it",
        "keep_ended() runs with the rights of product_owner",
        "keep_ended() has no fixed search_path: a temporary table could take a table's place",
    ),
    one(
        *("definer_functions", "functions", ADMIT, {"callers": ["product_app"]}),
        "admit(uuid) can be called by others than app, platform, worker",
    ),
    one(
        *("definer_functions", "functions", ADMIT, {"callers": None}),
        "admit(uuid) can be called by others than app, platform, worker",
    ),
    one(
        *("definer_functions", "functions", FOUND, {"callers": ["product_app", "PUBLIC"]}),
        "found_organization(uuid) can be called by others than app",
        "found_organization(uuid) can be called by everybody",
    ),
    one(
        *("definer_functions", "functions", FOUND, {"owner": "product_owner"}),
        "found_organization(uuid) runs with the rights of product_owner",
    ),
    one(
        *("definer_functions", "functions", FOUND, {"settings": ["search_path=public"]}),
        "found_organization(uuid) has no fixed search_path: a temporary table could take a table's"
        " place",
    ),
    one(
        *("functions", "functions", INVOKER, {"callers": ["product_app", "identity_app"]}),
        "keep_ended() can be called by identity_app",
    ),
    one(
        *("functions", "functions", INVOKER, {"leakproof": True}),
        "keep_ended() is LEAKPROOF: it would be asked about hidden rows",
    ),
]
PRIVILEGES = [
    one(
        *("privileges", "privileges", 0, {"object": "new objects of product_owner"}),
        "CONNECT on new objects of product_owner to product_app: rights are given one by one",
    ),
    one(
        *("privileges", "privileges", 0, {"grantee": "PUBLIC"}),
        "CONNECT on database to PUBLIC: everybody has it",
    ),
    one(
        *("privileges", "privileges", 2, {"privilege": "CREATE"}),
        "CREATE on schema public to product_app: only the owner and the definer make anything",
    ),
    *(
        one(
            *("privileges", "privileges", 2, {"privilege": what, "grantee": other}),
            f"{what} on schema public to {other}: it is a role of the other database",
        )
        for what in ("USAGE", "TEMPORARY")
        for other in ("identity_app", "product_auth")
    ),
    one(
        *("privileges", "closed", 0, {"role": "product_app"}),
        "new functions of product_owner are for everybody",
    ),
    one(
        *("privileges", "closed", 1, {"role": "product_app"}),
        "new functions of product_definer are for everybody",
    ),
    one(
        *("role_settings", "role_settings", 0, {"setting": "app.current_tenant=x"}),
        "product_app begins with app.current_tenant=x",
    ),
    one(
        *("role_settings", "role_settings", 0, {"setting": "search_path=pg_temp"}),
        "product_app begins with search_path=pg_temp, which is not ours",
    ),
    *(
        one(
            *("loud", "role_settings", number, {"role": "product_definer"}),
            f"a fresh connection of product_{role} has no {setting}: a query without"
            " a tenant finds nothing there, where it would otherwise fail",
        )
        for number, role, setting in (
            (0, "app", "app.current_tenant"),
            (5, "platform", "app.current_person"),
            (10, "worker", "app.current_actor"),
            (11, "worker", "app.support_session"),
        )
    ),
    one(
        *("triggers", "triggers", 0, {"name": "support_sessions_begin"}),
        "trigger support_sessions_keep_ended is not there: what has ended could begin again",
    ),
    one(
        *("triggers", "triggers", 0, {"enabled": "D"}),
        "trigger support_sessions_keep_ended on support_sessions does not fire for everybody",
    ),
]


@pytest.mark.parametrize(
    ("rule", "part", "number", "values", "said"), [*GRANTS, *ROLES, *FUNCTIONS, *PRIVILEGES]
)
def test_rights(
    sound: Catalogue, rule: str, part: str, number: int, values: dict[str, Any], said: list[str]
) -> None:
    rows = list(getattr(sound, part))
    rows[number] = rows[number] | values
    parts: dict[str, Any] = {part: rows}
    assert faults_of(replace(sound, **parts))[rule] == said
