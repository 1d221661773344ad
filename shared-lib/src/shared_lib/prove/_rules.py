"""What must hold in a catalogue, whatever anybody declared: one function per rule."""

from collections.abc import Callable
from dataclasses import dataclass

from shared_lib.prove import _rules_rights as rights
from shared_lib.prove import _rules_rows as rows
from shared_lib.prove._catalogue import Catalogue
from shared_lib.prove._rule_facts import Faults
from shared_lib.tables import PATCHED_MINORS

_OLDEST = 15


@dataclass(frozen=True)
class Rule:
    """One rule. `name` is stable; `says` is what holds when it finds no fault."""

    name: str
    says: str
    check: Callable[[Catalogue], Faults]


def _version(catalogue: Catalogue) -> Faults:
    major, minor = divmod(catalogue.version, 10_000)
    if major < _OLDEST:
        yield f"PostgreSQL {major} is too old: {_OLDEST} or newer"
    needed = PATCHED_MINORS.get(major)
    if needed is not None and minor < needed:
        yield (
            f"PostgreSQL {major}.{minor} has CVE-2026-120154 (ON CONFLICT reads hidden rows),"
            f" repaired in {major}.{needed}; our keys lead with the tenant, which closes it here"
        )


def _strays(catalogue: Catalogue) -> Faults:
    yield from (f"{row['name']} is not ours" for row in catalogue.strays)


RULES: tuple[Rule, ...] = (
    Rule(
        "row_security",
        "every tenant table has row level security, enabled and forced",
        rows.row_security,
    ),
    Rule("policies", "every policy is one of the spellings that can be proved", rows.policies),
    Rule(
        "app_is_bound",
        "requests see the rows of their organization only",
        rows.app_sees_its_tenant,
    ),
    Rule(
        "policy_functions",
        "policies call nothing but current_setting",
        rows.policy_functions,
    ),
    Rule("keys", "keys and unique indexes lead with the tenant", rows.keys),
    Rule(
        "foreign_keys",
        "foreign keys between tenant tables carry the tenant, and never change it",
        rows.foreign_keys,
    ),
    Rule(
        "indexes",
        "indexes lead with the tenant or are listed, and work under row level security",
        rows.indexes,
    ),
    Rule("types", "no enum and no numeric money in a tenant table", rows.types),
    Rule(
        "grants",
        "nobody holds TRUNCATE, REFERENCES, TRIGGER, whole-row UPDATE, or PUBLIC",
        rights.grants,
    ),
    Rule(
        "privileges",
        "nobody makes anything here, and nothing new is for everybody",
        rights.privileges,
    ),
    Rule("roles", "no role goes around row level security or becomes another", rights.roles),
    Rule("role_settings", "no session begins with a tenant", rights.role_settings),
    Rule("loud", "a query without a tenant fails, also on a fresh connection", rights.loud),
    Rule(
        "definer_functions",
        "functions with rights are listed, fixed and not for everybody",
        rights.definer_functions,
    ),
    Rule("functions", "no function is for everybody, none is LEAKPROOF", rights.functions),
    Rule("set_config", "no SELECT can change the tenant", rights.set_config),
    Rule("do_blocks", "no role of a service runs DO blocks", rights.do_blocks),
    Rule(
        "triggers",
        "triggers that keep what has ended are there, and all fire for everybody",
        rights.triggers,
    ),
    Rule("strays", "there is no schema, rule or extension that is not ours", _strays),
    Rule("version", "the server has no known leak", _version),
)


def faults_of(catalogue: Catalogue) -> dict[str, list[str]]:
    """The faults that each rule finds, by its name."""
    return {rule.name: list(rule.check(catalogue)) for rule in RULES}
