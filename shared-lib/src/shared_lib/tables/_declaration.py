"""How a table says who may see which of its rows: the one source of policies and grants."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import MetaData, Table

INFO_KEY = "isolation"


class Kind(StrEnum):
    """What keeps the rows of a table apart."""

    TENANT = "tenant"
    USER = "user"
    GLOBAL = "global"


class Predicate(StrEnum):
    """The only row conditions that a policy may have.

    A scalar sub-select is evaluated once per statement, and this spelling is the one that an
    independent prover can follow; a function call in its place would blind it.
    """

    TENANT = "tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)"
    PERSON = "person_id = (SELECT current_setting('app.current_person', true)::uuid)"
    ACTOR = "actor_id = (SELECT current_setting('app.current_actor', true)::uuid)"
    SUPPORT_SESSION = "id = (SELECT current_setting('app.support_session', true)::uuid)"
    # A service account, also while its secret is compared: that one, no other.
    ITSELF = "id = (SELECT current_setting('app.current_actor', true)::uuid)"
    ACCOUNT = "account_id = (SELECT current_setting('app.current_actor', true)::uuid)"
    # As text: beside TENANT, for one role. A caller who is no person founded nothing, and no error.
    FOUNDER = "founder_id::text = (SELECT current_setting('app.current_person', true))"
    EVERY_ROW = "true"


@dataclass(frozen=True)
class Grant:
    """What one role may do with a table. `update` names columns; a role never updates all.

    `select` and `insert` name the columns that the role may read or give, where they are not all.
    """

    role: str
    select: bool | tuple[str, ...] = False
    insert: bool | tuple[str, ...] = False
    update: tuple[str, ...] = ()
    delete: bool = False


@dataclass(frozen=True)
class Policy:
    """Which rows one role reaches. `command` is ALL or the one SQL verb that it is for."""

    role: str
    predicate: Predicate
    command: str = "ALL"


@dataclass(frozen=True)
class Isolation:
    """The declaration of one table; stands in `Table.info`.

    `history` makes a trigger copy each change into `row_history`; `redact` names columns whose
    values it must not copy. A global table gives the `reason` why no policy guards it.
    """

    kind: Kind
    grants: tuple[Grant, ...]
    policies: tuple[Policy, ...] = ()
    reason: str = ""
    history: bool = False
    redact: tuple[str, ...] = ()
    info: dict[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if (self.kind is Kind.GLOBAL) != bool(self.reason):
            raise ValueError("a global table, and only a global table, gives its reason")
        if self.redact and not self.history:
            raise ValueError("redact= is about row history, which this table does not keep")
        object.__setattr__(self, "info", {INFO_KEY: self})


def tenant_table(
    *grants: Grant,
    every_row: Iterable[str] = (),
    policies: Iterable[Policy] = (),
    history: bool = False,
    redact: Iterable[str] = (),
) -> dict[str, Any]:
    """Declare rows of one organization each; returns what `Table(info=…)` takes.

    Role `app` sees the rows of `app.current_tenant`. Roles in `every_row` see all of them, limited
    by their grants; `policies` are what else a role reaches.
    """
    tenant = (Policy(grant.role, Predicate.TENANT) for grant in grants if grant.role == "app")
    unlimited = (Policy(role, Predicate.EVERY_ROW) for role in every_row)
    return Isolation(
        Kind.TENANT,
        grants,
        (*tenant, *unlimited, *policies),
        history=history,
        redact=tuple(redact),
    ).info


def user_table(*grants: Grant, policies: Iterable[Policy] = ()) -> dict[str, Any]:
    """Declare rows of one person each, seen by `app` under `app.current_person`."""
    own = (Policy(grant.role, Predicate.PERSON) for grant in grants if grant.role == "app")
    return Isolation(Kind.USER, grants, (*own, *policies)).info


def actor_table(*grants: Grant, every_row: Iterable[str] = ()) -> dict[str, Any]:
    """Declare rows of whoever really acts, a person or a service account.

    Each role sees those of `app.current_actor`; roles in `every_row` see all of them.
    """
    unlimited = frozenset(every_row)
    policies = (
        Policy(grant.role, Predicate.EVERY_ROW if grant.role in unlimited else Predicate.ACTOR)
        for grant in grants
    )
    return Isolation(Kind.USER, grants, tuple(policies)).info


def global_table(*grants: Grant, reason: str) -> dict[str, Any]:
    """Declare rows that belong to no organization: no policy, so the grants are all there is."""
    return Isolation(Kind.GLOBAL, grants, reason=reason).info


def isolation_of(table: Table) -> Isolation:
    """The declaration of `table`. Raises LookupError when it has none."""
    declared: Isolation | None = table.info.get(INFO_KEY)
    if declared is None:
        raise LookupError(f"table {table.name} is declared neither tenant, user nor global")
    return declared


def declared_tables(metadata: MetaData) -> dict[str, Isolation]:
    """Name and declaration of every table. Raises LookupError at the first without one."""
    return {table.name: isolation_of(table) for table in metadata.sorted_tables}
