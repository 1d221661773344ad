"""A table under trial: a row of one's own, a row of somebody else, and whose a role may reach."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared_lib.prove._attempts import NOBODY
from shared_lib.prove._rows import TENANT, Values, where
from shared_lib.prove._shape import Shape
from shared_lib.tables import Isolation, Policy, Predicate

# The column that a policy compares, and the setting that it compares it with.
COMPARED: Mapping[Predicate, tuple[str, str]] = {
    Predicate.TENANT: (TENANT, "app.current_tenant"),
    Predicate.PERSON: ("person_id", "app.current_person"),
    Predicate.ACTOR: ("actor_id", "app.current_actor"),
    Predicate.SUPPORT_SESSION: ("id", "app.support_session"),
    Predicate.ITSELF: ("id", "app.current_actor"),
    Predicate.ACCOUNT: ("account_id", "app.current_actor"),
    Predicate.FOUNDER: ("founder_id", "app.current_person"),
}


@dataclass(frozen=True)
class Case:
    """A table, with a row of one's own and one of somebody else."""

    database: str
    table: str
    shape: Shape
    isolation: Isolation
    isolated: frozenset[str]
    own: Values
    other: Values

    @property
    def settings(self) -> dict[str, str]:
        """What the opening batch would say for whoever the row `own` is for."""
        compared = [COMPARED[each] for each in self._predicates]
        return {**NOBODY, **{setting: self.own[column] or "" for column, setting in compared}}

    def compared(self, role: str, verb: str) -> frozenset[str]:
        """The columns that say to `role` whose a row is."""
        predicates = [policy.predicate for policy in self.policies(role, verb)]
        return frozenset(COMPARED[each][0] for each in predicates if each in COMPARED)

    @property
    def _predicates(self) -> list[Predicate]:
        return [each.predicate for each in self.isolation.policies if each.predicate in COMPARED]

    def policies(self, role: str, verb: str) -> list[Policy]:
        """The declared policies of `role` for `verb`."""
        return [
            policy
            for policy in self.isolation.policies
            if policy.role == role and policy.command in ("ALL", verb)
        ]

    def sees_all(self, role: str, verb: str) -> bool:
        """Whether it is declared that `verb` of `role` reaches every row."""
        return any(each.predicate is Predicate.EVERY_ROW for each in self.policies(role, verb))

    def given(self, values: Values, columns: tuple[str, ...] = ()) -> Values:
        """What an INSERT of the row says: no generated columns, and `columns` at most."""
        return {
            name: value
            for name, value in values.items()
            if not self.shape.columns[name].generated and (not columns or name in columns)
        }

    def key(self, row: Values) -> str:
        """The condition that only `row` meets."""
        return where({name: row[name] for name in self.shape.primary})

    def removes(self, row: Values) -> str:
        """A statement that removes `row`, so that it can be inserted again."""
        return f"DELETE FROM public.{self.table} WHERE {self.key(row)}"  # noqa: S608  quoted there
