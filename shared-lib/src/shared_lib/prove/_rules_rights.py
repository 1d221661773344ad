"""Rules about rights: who holds which, who can take on another's, and what runs with more."""

from shared_lib.prove._catalogue import Catalogue
from shared_lib.prove._rule_facts import ALEMBIC, Faults, exceptions, role_kind

_NEVER = frozenset({"TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"})
_SEARCH_PATH = "search_path=pg_catalog, pg_temp"
_TABLES = ("r", "p")
_NO_LOGIN = ("owner", "definer")
_CONTEXT = ("app.current_tenant", "app.current_person", "app.current_actor", "app.support_session")
_LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def grants(catalogue: Catalogue) -> Faults:
    """Privileges on relations."""
    unchanged = exceptions(catalogue).append_only
    for grant in catalogue.grants:
        said = f"{grant['privilege']} on {grant['relation']} to {grant['grantee']}"
        if grant["kind"] not in _TABLES:
            yield f"{said}: it is no table"
        elif grant["relation"] == ALEMBIC:
            yield f"{said}: Alembic's table is its owner's alone"
        elif grant["grantee"] == "PUBLIC" or grant["grantable"]:
            yield f"{said}: everybody, or whoever he chooses, has it"
        elif grant["privilege"] in _NEVER:
            yield f"{said}: goes around row level security, or lets a role act later"
        elif grant["privilege"] == "UPDATE" and grant["column"] is None:
            yield f"{said}: UPDATE is granted by column"
        elif grant["relation"] in unchanged and grant["privilege"] in ("UPDATE", "DELETE"):
            yield f"{said}: what it keeps is never changed"


def roles(catalogue: Catalogue) -> Faults:
    owner, definer = catalogue.role("owner"), catalogue.role("definer")
    wanted = {catalogue.role(name) for name in exceptions(catalogue).roles}
    found = {role["name"] for role in catalogue.roles}
    yield from (f"role {name} is missing" for name in sorted(wanted - found))
    yield from (f"role {name} is not ours" for name in sorted(found - wanted))
    attributes = ("superuser", "bypassrls", "createrole", "createdb", "replication")
    for role in catalogue.roles:
        yield from (f"role {role['name']} has {name}" for name in attributes if role[name])
        if role["member_of"]:
            yield f"role {role['name']} is a member of {', '.join(role['member_of'])}"
        if role["members"]:
            # The administrator of a managed server, who is no superuser, is not counted.
            yield f"role {role['name']} can be taken on by {', '.join(role['members'])}"
        if role["login"] and role["name"] in (owner, definer):
            yield f"role {role['name']} can log in"
        if role["owned"] and role["name"] != owner:
            yield f"role {role['name']} owns {role['owned']} relations"
        if role["login"] and (role["creates"] or role["temporary"] or role["schemas"]):
            yield f"role {role['name']} can create tables, which would come before ours"
    for table in catalogue.tables:
        if table["owner"] != owner:
            yield f"{table['name']} belongs to {table['owner']}"


def definer_functions(catalogue: Catalogue) -> Faults:
    definer = catalogue.role("definer")
    listed = exceptions(catalogue).definer_functions
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


def functions(catalogue: Catalogue) -> Faults:
    """Every function, whoever it runs as."""
    ours = {role["name"] for role in catalogue.roles}
    for function in catalogue.functions:
        for caller in function["callers"] or ():
            if caller not in ours:
                yield f"{function['name']} can be called by {caller}"
        if function["leakproof"]:
            yield f"{function['name']} is LEAKPROOF: it would be asked about hidden rows"


def set_config(catalogue: Catalogue) -> Faults:
    """On a managed server nobody can revoke it."""
    for role in catalogue.roles:
        if role["set_config"] and role_kind(catalogue, role["name"]) in ("app", "auth", "platform"):
            yield f"{role['name']} may call set_config: an injected SELECT could change the tenant"


def do_blocks(catalogue: Catalogue) -> Faults:
    """On a managed server nobody can revoke it."""
    for role in catalogue.roles:
        if role["plpgsql"] and role_kind(catalogue, role["name"]) not in _NO_LOGIN:
            yield f"{role['name']} may run DO blocks"


def privileges(catalogue: Catalogue) -> Faults:
    """Rights on the database, its schema, and on what does not exist yet."""
    known = {role["name"]: role for role in catalogue.roles}
    for row in catalogue.privileges:
        said = f"{row['privilege']} on {row['object']} to {row['grantee']}"
        kind = role_kind(catalogue, row["grantee"])
        if row["object"].startswith("new objects"):
            yield f"{said}: rights are given one by one"
        elif row["grantee"] == "PUBLIC":
            yield f"{said}: everybody has it"
        elif row["privilege"] == "CREATE" and kind != "definer":
            yield f"{said}: only the owner and the definer make anything"
        elif row["grantee"] not in known and row["grantee"].startswith(("identity_", "product_")):
            yield f"{said}: it is a role of the other database"
    closed = {row["role"] for row in catalogue.closed}
    for name in _NO_LOGIN:
        if catalogue.role(name) not in closed:
            yield f"new functions of {catalogue.role(name)} are for everybody"


def role_settings(catalogue: Catalogue) -> Faults:
    """What a session begins with."""
    for row in catalogue.role_settings:
        name, _, value = row["setting"].partition("=")
        if name.startswith("app."):
            if value not in ("", '""'):
                yield f"{row['role']} begins with {row['setting']}"
        elif name not in _LIMITS:
            yield f"{row['role']} begins with {row['setting']}, which is not ours"


def loud(catalogue: Catalogue) -> Faults:
    """Giving a role its settings takes a superuser, so a managed server has none."""
    begun = {(row["role"], row["setting"].partition("=")[0]) for row in catalogue.role_settings}
    for role in catalogue.roles:
        missing = [name for name in _CONTEXT if (role["name"], name) not in begun]
        if role["login"] and missing:
            yield (
                f"a fresh connection of {role['name']} has no {', '.join(missing)}: a query without"
                " a tenant finds nothing there, where it would otherwise fail"
            )


def triggers(catalogue: Catalogue) -> Faults:
    found = {trigger["name"] for trigger in catalogue.triggers}
    for name in sorted(exceptions(catalogue).triggers - found):
        yield f"trigger {name} is not there: what has ended could begin again"
    for trigger in catalogue.triggers:
        if trigger["enabled"] != "O":
            yield f"trigger {trigger['name']} on {trigger['table']} does not fire for everybody"
