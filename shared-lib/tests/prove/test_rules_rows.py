"""Each rule says exactly what is wrong with a catalogue of values, and nothing of a sound one."""

from dataclasses import replace
from typing import Any

import pytest

from shared_lib.prove import RULES, Catalogue, faults_of

OTHER = "(name = 'x'::text)"
PERSON = (
    "(person_id = ( SELECT (current_setting('app.current_person'::text, true))"
    "::uuid AS current_setting))"
)
APP = {"grantee": "product_app"}

ONLY_CURRENT_SETTING = (
    "of all that we tried only current_setting never showed another organization's rows"
)

# A rule, the part of the catalogue, how its row of that number is changed, and what is said of it.
Case = tuple[str, str, int, dict[str, Any], list[str]]

OF_ROWS: list[Case] = [
    (
        *("row_security", "columns", 0, {"required": False}),
        ["notes: its tenant_id may be NULL, which is nobody's"],
    ),
    (
        *("row_security", "tables", 4, {"kind": "v"}),
        ["plans is no table: views and foreign tables go around row security"],
    ),
    (
        *("row_security", "tables", 0, {"enabled": False}),
        ["notes: row level security is not enabled"],
    ),
    (
        *("row_security", "tables", 0, {"forced": False}),
        ["notes: row level security is not forced on its owner"],
    ),
    (
        *("policies", "policies", 0, {"permissive": "RESTRICTIVE"}),
        ["policy notes_app on notes is not one permissive policy for one role"],
    ),
    (
        *("policies", "policies", 0, {"roles": ["product_app", "product_platform"]}),
        ["policy notes_app on notes is not one permissive policy for one role"],
    ),
    (
        *("policies", "policies", 1, {"using": OTHER}),
        [f"policy organizations_app on organizations has a condition of its own: { ({OTHER}) }"],
    ),
    (
        *("policies", "policies", 3, {"check": OTHER}),
        [f"policy audit_events_platform on audit_events has a condition of its own: { ({OTHER}) }"],
    ),
    (
        *("policies", "policies", 1, {"using": "true"}),
        [
            (
                "policy organizations_app on organizations"
                " shows every row to app, which nobody has listed"
            ),
        ],
    ),
    (
        *("policies", "policies", 0, {"check": PERSON}),
        ["policy notes_app on notes: what may be written is not what may be seen"],
    ),
    (
        *("policies", "policies", 0, {"cmd": "UPDATE", "check": PERSON}),
        ["policy notes_app on notes: what may be written is not what may be seen"],
    ),
    (
        *("app_is_bound", "policies", 0, {"roles": ["product_platform"]}),
        ["notes: product_app is not bound to the tenant by exactly one policy"],
    ),
    (
        *("app_is_bound", "policies", 0, {"using": PERSON}),
        ["notes: product_app is not bound to the tenant by exactly one policy"],
    ),
    (
        *("app_is_bound", "policies", 2, {"table": "notes", "roles": ["product_app"]}),
        ["notes: product_app is not bound to the tenant by exactly one policy"],
    ),
    (
        *("policy_functions", "policy_functions", 0, {"volatility": "i"}),
        ["policy notes_app on notes calls current_setting(text,boolean): " + ONLY_CURRENT_SETTING],
    ),
    (
        *("policy_functions", "policy_functions", 0, {"function": "tenant()"}),
        ["policy notes_app on notes calls tenant(): " + ONLY_CURRENT_SETTING],
    ),
    (
        *("keys", "keys", 0, {"columns": ["id", "tenant_id"]}),
        ["pk_notes: a key of notes that does not lead with tenant_id"],
    ),
    (
        *("keys", "keys", 1, {"columns": ["slug"]}),
        ["uq_notes: a key of notes that does not lead with tenant_id"],
    ),
    (
        *("keys", "indexes", 0, {"first": "id"}),
        ["pk_notes: a unique index of notes across organizations"],
    ),
    (
        *("foreign_keys", "keys", 4, {"validated": False}),
        ["fk_author: the rows that were there before it were never checked"],
    ),
    (
        *("foreign_keys", "keys", 6, {"validated": False}),
        ["fk_plan: the rows that were there before it were never checked"],
    ),
    (
        *("foreign_keys", "keys", 4, {"columns": ["author_id"], "referenced_columns": ["id"]}),
        [
            (
                "fk_author: notes refers to authors without its tenant,"
                " and the check of a foreign key sees every row"
            ),
        ],
    ),
    *(
        (
            *("foreign_keys", "keys", number, {"on_delete": action, "set_on_delete": columns}),
            [f"{name}: ON DELETE takes the tenant from a row of notes"],
        )
        for action in ("n", "d")
        for number, name, columns in (
            (4, "fk_author", ["tenant_id"]),
            (5, "fk_editor", ["tenant_id", "editor_id"]),
        )
    ),
    *(
        (
            *("foreign_keys", "keys", 5, values),
            ["fk_editor: is optional without ON DELETE SET NULL (editor_id)"],
        )
        for values in ({"on_delete": "a"}, {"set_on_delete": ["author_id"]})
    ),
    (
        *("foreign_keys", "keys", 4, {"on_update": "c"}),
        ["fk_author: ON UPDATE changes rows of notes"],
    ),
    (
        *("indexes", "indexes", 0, {"first": "id"}),
        ["pk_notes on notes does not lead with tenant_id, and nobody has listed it"],
    ),
    (
        *("indexes", "indexes", 0, {"expressions": True}),
        [
            (
                "pk_notes on notes is on an expression:"
                " a generated column can be used under row security"
            ),
        ],
    ),
    (
        *("indexes", "indexes", 0, {"leaking": ["enum_ops", "jsonb_ops"]}),
        ["pk_notes on notes has operators that are not leakproof (enum_ops, jsonb_ops)"],
    ),
    (
        *("types", "columns", 1, {"kind": "e", "type": "mood"}),
        ["notes.author_id is an enum (mood): text with a CHECK has leakproof operators"],
    ),
    *(
        (
            *("types", "columns", 1, {"type": kind}),
            [f"notes.author_id is {kind}: money is bigint, in minor units"],
        )
        for kind in ("numeric", "money")
    ),
]


def changed(sound: Catalogue, part: str, number: int, values: dict[str, Any]) -> Catalogue:
    rows = list(getattr(sound, part))
    rows[number] = rows[number] | values
    parts: dict[str, Any] = {part: rows}
    return replace(sound, **parts)


def test_a_sound_catalogue_has_no_fault(sound: Catalogue) -> None:
    assert {name: found for name, found in faults_of(sound).items() if found} == {}
    assert list(faults_of(sound)) == [rule.name for rule in RULES]


@pytest.mark.parametrize(("rule", "part", "number", "values", "said"), OF_ROWS)
def test_rows(
    sound: Catalogue, rule: str, part: str, number: int, values: dict[str, Any], said: list[str]
) -> None:
    assert faults_of(changed(sound, part, number, values))[rule] == said


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (140099, ["PostgreSQL 14 is too old: 15 or newer"]),
        (150020, []),
        (180007, []),
        (190000, []),
        (
            180006,
            [
                (
                    "PostgreSQL 18.6 has CVE-2026-120154 (ON CONFLICT reads hidden rows),"
                    " repaired in 18.7; our keys lead with the tenant, which closes it here"
                ),
            ],
        ),
    ],
)
def test_versions(sound: Catalogue, version: int, said: list[str]) -> None:
    assert faults_of(replace(sound, version=version))["version"] == said


def test_what_is_not_ours(sound: Catalogue) -> None:
    strange = replace(sound, strays=[{"name": "schema elsewhere"}])
    assert faults_of(strange)["strays"] == ["schema elsewhere is not ours"]
