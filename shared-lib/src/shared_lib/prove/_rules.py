"""What must hold in a catalogue, whatever anybody declared: one function per rule."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shared_lib.prove._catalogue import Catalogue
from shared_lib.prove._exceptions import EXCEPTIONS, Exceptions
from shared_lib.tables import PATCHED_MINORS, PREDICATES_AS_DEPARSED, Predicate

Faults = Iterator[str]

_ALEMBIC = "alembic_version"
_NEVER = frozenset({"TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"})
_SEARCH_PATH = "search_path=pg_catalog, pg_temp"
_STABLE = "s"
_OUR_CONDITIONS = frozenset(PREDICATES_AS_DEPARSED.values())


@dataclass(frozen=True)
class Rule:
    """One rule. `name` is stable; `says` is what holds when it finds no fault."""

    name: str
    says: str
    check: Callable[[Catalogue], Faults]


def _tenant_tables(catalogue: Catalogue) -> frozenset[str]:
    return frozenset(
        table["name"]
        for table in catalogue.tables
        if table["has_tenant"] and table["name"] not in _exceptions(catalogue).global_with_tenant
    )


def _exceptions(catalogue: Catalogue) -> Exceptions:
    return EXCEPTIONS[catalogue.database]


def _row_security(catalogue: Catalogue) -> Faults:
    for table in catalogue.tables:
        if table["kind"] not in ("r", "p"):
            yield f"{table['name']} is no table: views and foreign tables go around row security"
        elif table["name"] in _tenant_tables(catalogue):
            if not table["enabled"]:
                yield f"{table['name']}: row level security is not enabled"
            if not table["forced"]:
                yield f"{table['name']}: row level security is not forced on its owner"


def _policies(catalogue: Catalogue) -> Faults:
    every_row = PREDICATES_AS_DEPARSED[Predicate.EVERY_ROW]
    allowed = _exceptions(catalogue).every_row
    for policy in catalogue.policies:
        name = f"policy {policy['name']} on {policy['table']}"
        conditions = {policy["using"], policy["check"]} - {None}
        if policy["permissive"] != "PERMISSIVE" or len(policy["roles"]) != 1:
            yield f"{name} is not one permissive policy for one role"
        if not conditions <= _OUR_CONDITIONS:
            yield f"{name} has a condition of its own: {conditions - _OUR_CONDITIONS}"
        role = policy["roles"][0].removeprefix(f"{catalogue.database}_")
        if every_row in conditions and (policy["table"], role) not in allowed:
            yield f"{name} shows every row to {role}, which nobody has listed"
        if policy["cmd"] in ("ALL", "UPDATE") and policy["using"] != policy["check"]:
            yield f"{name}: what may be written is not what may be seen"


def _app_sees_its_tenant(catalogue: Catalogue) -> Faults:
    tenant = PREDICATES_AS_DEPARSED[Predicate.TENANT]
    app = catalogue.role("app")
    for table in sorted(_tenant_tables(catalogue)):
        of_app = [p for p in catalogue.policies if p["table"] == table and app in p["roles"]]
        granted = any(g["relation"] == table and g["grantee"] == app for g in catalogue.grants)
        if granted and [policy["using"] for policy in of_app] != [tenant]:
            if table in _exceptions(catalogue).of_actors:
                continue
            yield f"{table}: {app} is not bound to the tenant by exactly one policy"


def _policy_functions(catalogue: Catalogue) -> Faults:
    for row in catalogue.policy_functions:
        if row["volatility"] != _STABLE or not row["function"].startswith("current_setting("):
            yield (
                f"policy {row['policy']} on {row['table']} calls {row['function']}: of all that we"
                " tried only current_setting never showed another organization's rows"
            )


def _keys(catalogue: Catalogue) -> Faults:
    tenants = _tenant_tables(catalogue)
    for key in catalogue.keys:
        if key["table"] not in tenants or key["type"] == "f":
            continue
        if key["columns"][0] != "tenant_id" and key["name"] not in _exceptions(catalogue).keys:
            yield f"{key['name']}: a key of {key['table']} that does not lead with tenant_id"
    listed = _exceptions(catalogue).keys
    for index in catalogue.indexes:
        unique = index["unique"] and index["table"] in tenants
        if unique and index["first"] != "tenant_id" and index["name"] not in listed:
            yield f"{index['name']}: a unique index of {index['table']} across organizations"


def _foreign_keys(catalogue: Catalogue) -> Faults:
    tenants = _tenant_tables(catalogue)
    for key in catalogue.keys:
        if key["type"] != "f" or not {key["table"], key["referenced"]} <= tenants:
            continue
        pairs = set(zip(key["columns"], key["referenced_columns"], strict=True))
        if ("tenant_id", "tenant_id") not in pairs:
            yield (
                f"{key['name']}: {key['table']} refers to {key['referenced']} without its tenant,"
                " and the check of a foreign key sees every row"
            )


def _grants(catalogue: Catalogue) -> Faults:
    for grant in catalogue.grants:
        said = f"{grant['privilege']} on {grant['relation']} to {grant['grantee']}"
        if grant["relation"] == _ALEMBIC:
            yield f"{said}: Alembic's table is its owner's alone"
        elif grant["grantee"] == "PUBLIC" or grant["grantable"]:
            yield f"{said}: everybody, or whoever he chooses, has it"
        elif grant["privilege"] in _NEVER:
            yield f"{said}: goes around row level security, or lets a role act later"
        elif grant["privilege"] == "UPDATE" and grant["column"] is None:
            yield f"{said}: UPDATE is granted by column"


def _roles(catalogue: Catalogue) -> Faults:
    owner, definer = catalogue.role("owner"), catalogue.role("definer")
    attributes = ("superuser", "bypassrls", "createrole", "createdb", "replication")
    for role in catalogue.roles:
        yield from (f"role {role['name']} has {name}" for name in attributes if role[name])
        if role["member_of"]:
            yield f"role {role['name']} is a member of {', '.join(role['member_of'])}"
        if role["login"] and role["name"] in (owner, definer):
            yield f"role {role['name']} can log in"
        if role["owned"] and role["name"] != owner:
            yield f"role {role['name']} owns {role['owned']} relations"
        if role["login"] and (role["creates"] or role["temporary"] or role["schemas"]):
            yield f"role {role['name']} can create tables, which would come before ours"
    for table in catalogue.tables:
        if table["owner"] != owner:
            yield f"{table['name']} belongs to {table['owner']}"


def _definer_functions(catalogue: Catalogue) -> Faults:
    definer = catalogue.role("definer")
    listed = _exceptions(catalogue).definer_functions
    found = {each["name"].partition("(")[0] for each in catalogue.functions if each["definer"]}
    for name in sorted(listed.keys() - found):
        yield f"{name} is not there, or does not run with rights of its own"
    for function in catalogue.functions:
        if not function["definer"]:
            continue
        name = function["name"]
        callers = listed.get(name.partition("(")[0])
        if callers is None:
            yield f"{name} runs with rights of its owner's, and nobody has listed it"
        elif set(function["callers"] or ()) != {catalogue.role(role) for role in callers}:
            yield f"{name} can be called by others than {', '.join(sorted(callers)) or 'nobody'}"
        if function["owner"] != definer:
            yield f"{name} runs with the rights of {function['owner']}"
        if _SEARCH_PATH not in function["settings"]:
            yield f"{name} has no fixed search_path: a temporary table could take a table's place"
        if "PUBLIC" in (function["callers"] or []):
            yield f"{name} can be called by everybody"


def _settings(catalogue: Catalogue) -> Faults:
    for role in catalogue.roles:
        kind = role["name"].removeprefix(f"{catalogue.database}_")
        if role["set_config"] and kind in ("app", "auth", "platform"):
            yield f"{role['name']} may call set_config: an injected SELECT could change the tenant"
        if role["plpgsql"] and kind not in ("owner", "definer"):
            yield f"{role['name']} may run DO blocks"


def _version(catalogue: Catalogue) -> Faults:
    major, minor = divmod(catalogue.version, 10_000)
    needed = PATCHED_MINORS.get(major)
    if needed is not None and minor < needed:
        yield (
            f"PostgreSQL {major}.{minor} has CVE-2026-120154 (ON CONFLICT reads hidden rows),"
            f" repaired in {major}.{needed}; our keys lead with the tenant, which closes it here"
        )


def _triggers(catalogue: Catalogue) -> Faults:
    found = {trigger["name"] for trigger in catalogue.triggers}
    for name in sorted(_exceptions(catalogue).triggers - found):
        yield f"trigger {name} is not there: what has ended could begin again"
    for trigger in catalogue.triggers:
        if trigger["enabled"] != "O":
            yield f"trigger {trigger['name']} on {trigger['table']} does not fire for everybody"


def _strays(catalogue: Catalogue) -> Faults:
    yield from (f"{row['name']} is not ours" for row in catalogue.strays)


RULES: tuple[Rule, ...] = (
    Rule(
        "row_security",
        "every tenant table has row level security, enabled and forced",
        _row_security,
    ),
    Rule("policies", "every policy is one of the spellings that can be proved", _policies),
    Rule("app_is_bound", "requests see the rows of their organization only", _app_sees_its_tenant),
    Rule("policy_functions", "policies call nothing but current_setting", _policy_functions),
    Rule("keys", "keys and unique indexes lead with the tenant", _keys),
    Rule("foreign_keys", "foreign keys between tenant tables carry the tenant", _foreign_keys),
    Rule(
        "grants", "nobody holds TRUNCATE, REFERENCES, TRIGGER, whole-row UPDATE, or PUBLIC", _grants
    ),
    Rule("roles", "no role goes around row level security or becomes another", _roles),
    Rule(
        "definer_functions",
        "functions with rights are listed, fixed and not for everybody",
        _definer_functions,
    ),
    Rule("settings", "no SELECT can change the tenant, no role runs DO blocks", _settings),
    Rule(
        "triggers",
        "triggers that keep what has ended are there, and all fire for everybody",
        _triggers,
    ),
    Rule("strays", "there is no schema, rule or extension that is not ours", _strays),
    Rule("version", "the server has no known leak", _version),
)


def faults_of(catalogue: Catalogue) -> dict[str, list[str]]:
    """The faults that each rule finds, by its name."""
    return {rule.name: list(rule.check(catalogue)) for rule in RULES}
