"""One thing that a role tries, in a savepoint that is always rolled back, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg
from typing_extensions import override

from shared_lib.prove._rows import quote

# What policies read. All of them are always set, as the opening batch does it.
SETTINGS = ("app.current_tenant", "app.current_person", "app.current_actor", "app.support_session")
NOBODY: Mapping[str, str] = dict.fromkeys(SETTINGS, "")

# No privilege or a new row against the policy; and no tenant, which is no UUID.
_REFUSALS = frozenset({"42501", "22P02"})


@dataclass(frozen=True)
class Outcome:
    """How many rows a statement reached, or the SQLSTATE and the words that ended it."""

    rows: int = 0
    sqlstate: str = ""
    message: str = ""

    @property
    def refused(self) -> bool:
        """Whether privileges or policies have refused it."""
        return self.sqlstate in _REFUSALS

    @property
    def kept_out(self) -> bool:
        """Refused, or done to no row at all."""
        return self.refused or (not self.sqlstate and self.rows == 0)

    @override
    def __str__(self) -> str:
        if self.sqlstate:
            return f"it ended in {self.sqlstate} ({self.message})"
        return f"it reached {self.rows} row{'' if self.rows == 1 else 's'}"


@dataclass(frozen=True)
class Actor:
    """Tries statements as `role`. `before` is run by the administrator, ahead of each."""

    connection: asyncpg.Connection
    role: str
    before: str = ""

    async def tries(
        self, statement: str, settings: Mapping[str, str] = NOBODY, *, prepare: str = ""
    ) -> Outcome:
        """Run `statement` under `settings`, and undo it. `prepare` runs as the administrator."""
        told = "; ".join(f"SET LOCAL {name} = {quote(value)}" for name, value in settings.items())
        batch = "; ".join(
            part
            for part in (
                "SAVEPOINT attempt",
                self.before,
                prepare,
                told,
                f"SET LOCAL ROLE {self.role}",
                statement,
            )
            if part
        )
        try:
            status: str = await self.connection.execute(batch)
        except asyncpg.PostgresError as error:
            return Outcome(sqlstate=str(error.sqlstate), message=str(error))
        finally:
            await self.connection.execute(
                "ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt"
            )
        count = status.rpartition(" ")[2]
        return Outcome(rows=int(count) if count.isdigit() else 1)
