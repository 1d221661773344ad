"""The opening batch: BEGIN, the transaction's settings and admission in one round trip.

It is the one place where stacked SQL works, because SET LOCAL and several statements at once take
no parameters. So nothing enters it but UUIDs and integers that are formatted here.
"""

from dataclasses import dataclass
from uuid import UUID


def literal(value: UUID | int | None) -> str:
    """`value` as an SQL literal; booleans become 0 and 1. Raises TypeError for anything else."""
    if value is None:
        return "NULL"
    if isinstance(value, UUID):
        return f"'{value}'"
    if isinstance(value, int):
        return format(int(value), "d")
    raise TypeError("only UUIDs and integers may enter the opening batch")


def call(procedure: str, *arguments: UUID | int | None) -> str:
    """A CALL of an admission procedure; `procedure` is a constant of the code, never input."""
    return f"CALL {procedure}({', '.join(map(literal, arguments))})"


@dataclass(frozen=True, slots=True)
class Settings:
    """What policies, row history and the audit trail read from the transaction."""

    tenant: UUID | None = None
    person: UUID | None = None
    actor: UUID | None = None
    support_session: UUID | None = None
    request_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """An opening batch but for the request's id: what is the same whenever a caller comes again."""

    before: str
    after: str

    def batch(self, request_id: UUID | None) -> str:
        """The whole text. Raises TypeError for what is no UUID."""
        return f"{self.before}{_setting(request_id)}{self.after}"


def opening(settings: Settings, *, reads_only: bool, admission: str = "") -> Opening:
    """The batch around the request's id. Raises TypeError for a setting that is no UUID.

    Every setting is always named: a pooled connection carries nothing over, and none is left to
    what a session-level SET may have put there.
    """
    return Opening(
        f"BEGIN{' READ ONLY' if reads_only else ''}; "
        f"SET LOCAL app.current_tenant = {_setting(settings.tenant)}; "
        f"SET LOCAL app.current_person = {_setting(settings.person)}; "
        f"SET LOCAL app.current_actor = {_setting(settings.actor)}; "
        f"SET LOCAL app.support_session = {_setting(settings.support_session)}; "
        "SET LOCAL app.request_id = ",
        f"; {admission}",
    )


def opening_batch(settings: Settings, *, reads_only: bool, admission: str = "") -> str:
    """The text of the batch. Raises TypeError for a setting that is no UUID."""
    parts = opening(settings, reads_only=reads_only, admission=admission)
    return parts.batch(settings.request_id)


def _setting(value: UUID | None) -> str:
    return "''" if value is None else literal(value)
