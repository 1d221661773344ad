"""Writes the DDL that a declaration stands for: row level security, policies, grants, history."""

from collections.abc import Iterator

from sqlalchemy import Table

from shared_lib.tables._declaration import Grant, Isolation, Kind, Policy, isolation_of


def role_name(database: str, role: str) -> str:
    """Roles are cluster-wide, so each carries the name of the database that it is for."""
    return f"{database}_{role}"


def policy_name(table: str, policy: Policy) -> str:
    """`<table>_<role>`, with the verb where the policy is for one verb only."""
    verb = "" if policy.command == "ALL" else f"_{policy.command.lower()}"
    return f"{table}_{policy.role}{verb}"


def security_statements(table: Table, database: str) -> list[str]:
    """The statements that follow CREATE TABLE, in order. Raises LookupError if undeclared."""
    isolation = isolation_of(table)
    return [
        *_policies(table.name, isolation, database),
        *(
            statement
            for grant in isolation.grants
            for statement in grant_statements(table.name, grant, database)
        ),
        *([history_trigger(table.name, isolation)] if isolation.history else []),
    ]


def _policies(table: str, isolation: Isolation, database: str) -> Iterator[str]:
    if isolation.kind is Kind.GLOBAL:
        return
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    for policy in isolation.policies:
        clauses = {
            "ALL": f"USING ({policy.predicate}) WITH CHECK ({policy.predicate})",
            "INSERT": f"WITH CHECK ({policy.predicate})",
        }.get(policy.command, f"USING ({policy.predicate})")
        yield (
            f"CREATE POLICY {policy_name(table, policy)} ON {table} FOR {policy.command} "
            f"TO {role_name(database, policy.role)} {clauses}"
        )


def grant_statements(table: str, grant: Grant, database: str) -> Iterator[str]:
    """GRANT in the fewest statements; never TRUNCATE, REFERENCES or TRIGGER."""
    privileges = [
        f"{verb} ({', '.join(columns)})" if isinstance(columns, tuple) else verb
        for verb, columns in (
            ("SELECT", grant.select),
            ("INSERT", grant.insert),
            ("UPDATE", grant.update),
            ("DELETE", grant.delete),
        )
        if columns
    ]
    if privileges:
        yield f"GRANT {', '.join(privileges)} ON {table} TO {role_name(database, grant.role)}"


def history_trigger(table: str, isolation: Isolation) -> str:
    """The trigger that records changes, to the letter as PostgreSQL writes it back."""
    arguments = ", ".join(f"'{column}'" for column in isolation.redact)
    return (
        f"CREATE TRIGGER {table}_history AFTER INSERT OR DELETE OR UPDATE ON public.{table} "
        f"FOR EACH ROW EXECUTE FUNCTION record_row_history({arguments})"
    )
