"""The opening batch: BEGIN, the transaction's settings and admission in one round trip.

It travels as text, because SET LOCAL and several statements at once take no parameters. So
nothing enters it but what `literal` accepts.
"""

import re
from dataclasses import dataclass
from uuid import UUID

_PLAIN_TEXT = re.compile(r"[A-Za-z0-9_.,:-]{0,128}", re.ASCII)


def literal(value: UUID | bool | int | str | None) -> str:
    """`value` as an SQL literal. Raises ValueError for text that would need escaping."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, UUID):
        return f"'{value.hex}'"
    if isinstance(value, str) and _PLAIN_TEXT.fullmatch(value):
        return f"'{value}'"
    raise ValueError("only plain text may enter the opening batch")


def call(procedure: str, *arguments: UUID | bool | int | str | None) -> str:
    """A CALL of an admission procedure; `procedure` is a constant of the code, never input."""
    return f"CALL {procedure}({', '.join(map(literal, arguments))})"


@dataclass(frozen=True, slots=True)
class Settings:
    """What policies, row history and the audit trail read from the transaction."""

    tenant: UUID | None = None
    person: UUID | None = None
    actor: UUID | None = None
    support_session: UUID | None = None
    request_id: str = ""


def opening_batch(settings: Settings, *, reads_only: bool, admission: str = "") -> str:
    """The text of the batch. Raises ValueError when a setting is not plain.

    Every setting is always named: a pooled connection carries nothing over, and none is left to
    what a session-level SET may have put there.
    """
    return (
        f"BEGIN{' READ ONLY' if reads_only else ''}; "
        f"SET LOCAL app.current_tenant = {literal(settings.tenant or '')}; "
        f"SET LOCAL app.current_person = {literal(settings.person or '')}; "
        f"SET LOCAL app.current_actor = {literal(settings.actor or '')}; "
        f"SET LOCAL app.support_session = {literal(settings.support_session or '')}; "
        f"SET LOCAL app.request_id = {literal(settings.request_id)}; "
        f"{admission}"
    )
