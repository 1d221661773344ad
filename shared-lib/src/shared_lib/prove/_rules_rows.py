"""Rules about rows: row level security, its policies, and the keys and columns below it."""

from shared_lib.prove._catalogue import Catalogue
from shared_lib.prove._rule_facts import Faults, exceptions, tenant_tables
from shared_lib.tables import PREDICATES_AS_DEPARSED, Predicate

_STABLE = "s"
_OUR_CONDITIONS = frozenset(PREDICATES_AS_DEPARSED.values())
_SET = ("n", "d")  # ON DELETE SET NULL, SET DEFAULT
_LEAVE = ("a", "r")  # ON UPDATE NO ACTION, RESTRICT


def row_security(catalogue: Catalogue) -> Faults:
    optional = {
        column["table"]
        for column in catalogue.columns
        if column["name"] == "tenant_id" and not column["required"]
    }
    for name in sorted(optional & tenant_tables(catalogue)):
        yield f"{name}: its tenant_id may be NULL, which is nobody's"
    for table in catalogue.tables:
        if table["kind"] not in ("r", "p"):
            yield f"{table['name']} is no table: views and foreign tables go around row security"
        elif table["name"] in tenant_tables(catalogue):
            if not table["enabled"]:
                yield f"{table['name']}: row level security is not enabled"
            if not table["forced"]:
                yield f"{table['name']}: row level security is not forced on its owner"


def policies(catalogue: Catalogue) -> Faults:
    every_row = PREDICATES_AS_DEPARSED[Predicate.EVERY_ROW]
    allowed = exceptions(catalogue).every_row
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


def app_sees_its_tenant(catalogue: Catalogue) -> Faults:
    tenant = PREDICATES_AS_DEPARSED[Predicate.TENANT]
    app = catalogue.role("app")
    for table in sorted(tenant_tables(catalogue)):
        of_app = [p for p in catalogue.policies if p["table"] == table and app in p["roles"]]
        granted = any(g["relation"] == table and g["grantee"] == app for g in catalogue.grants)
        if granted and [policy["using"] for policy in of_app] != [tenant]:
            yield f"{table}: {app} is not bound to the tenant by exactly one policy"


def policy_functions(catalogue: Catalogue) -> Faults:
    for row in catalogue.policy_functions:
        if row["volatility"] != _STABLE or not row["function"].startswith("current_setting("):
            yield (
                f"policy {row['policy']} on {row['table']} calls {row['function']}: of all that we"
                " tried only current_setting never showed another organization's rows"
            )


def keys(catalogue: Catalogue) -> Faults:
    tenants = tenant_tables(catalogue)
    for key in catalogue.keys:
        if key["table"] not in tenants or key["type"] == "f":
            continue
        if key["columns"][0] != "tenant_id" and key["name"] not in exceptions(catalogue).keys:
            yield f"{key['name']}: a key of {key['table']} that does not lead with tenant_id"
    listed = exceptions(catalogue).keys
    for index in catalogue.indexes:
        unique = index["unique"] and index["table"] in tenants
        if unique and index["first"] != "tenant_id" and index["name"] not in listed:
            yield f"{index['name']}: a unique index of {index['table']} across organizations"


def foreign_keys(catalogue: Catalogue) -> Faults:
    tenants = tenant_tables(catalogue)
    for key in catalogue.keys:
        if not key["validated"]:
            yield f"{key['name']}: the rows that were there before it were never checked"
        if key["type"] != "f" or not {key["table"], key["referenced"]} <= tenants:
            continue
        pairs = set(zip(key["columns"], key["referenced_columns"], strict=True))
        if ("tenant_id", "tenant_id") not in pairs:
            yield (
                f"{key['name']}: {key['table']} refers to {key['referenced']} without its tenant,"
                " and the check of a foreign key sees every row"
            )
        others = [column for column in key["columns"] if column != "tenant_id"]
        if key["on_delete"] in _SET and "tenant_id" in key["set_on_delete"]:
            yield f"{key['name']}: ON DELETE takes the tenant from a row of {key['table']}"
        elif key["optional"] and (key["on_delete"], key["set_on_delete"]) != ("n", others):
            yield f"{key['name']}: is optional without ON DELETE SET NULL ({', '.join(others)})"
        if key["on_update"] not in _LEAVE:
            yield f"{key['name']}: ON UPDATE changes rows of {key['table']}"


def indexes(catalogue: Catalogue) -> Faults:
    """Under row level security only leakproof operators reach an index."""
    listed = exceptions(catalogue).indexes
    for index in catalogue.indexes:
        if index["table"] not in tenant_tables(catalogue):
            continue
        name = f"{index['name']} on {index['table']}"
        if index["first"] != "tenant_id" and index["name"] not in listed:
            yield f"{name} does not lead with tenant_id, and nobody has listed it"
        if index["expressions"]:
            yield f"{name} is on an expression: a generated column can be used under row security"
        if index["leaking"]:
            yield f"{name} has operators that are not leakproof ({', '.join(index['leaking'])})"


def types(catalogue: Catalogue) -> Faults:
    """What no condition under row level security can look up fast."""
    for column in catalogue.columns:
        if column["table"] not in tenant_tables(catalogue):
            continue
        name = f"{column['table']}.{column['name']}"
        if column["kind"] == "e":
            yield f"{name} is an enum ({column['type']}): text with a CHECK has leakproof operators"
        if column["type"] in ("numeric", "money"):
            yield f"{name} is {column['type']}: money is bigint, in minor units"
