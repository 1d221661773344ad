"""Mutations after which nobody can do more than before: reviewed, each with its reason."""

from collections.abc import Mapping

__all__ = ["EQUIVALENT"]

EQUIVALENT: Mapping[str, str] = {
    "product database: ALTER ROUTINE record_row_history() RESET row_security": (
        "A migration that works with row_security off would fail loudly where a trigger writes"
        " history; nobody sees or writes another row."
    ),
}
