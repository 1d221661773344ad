"""Mutations after which nobody can do more than before: reviewed, each with its reason."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

__all__ = ["EQUIVALENT", "reason_of"]

# By name, in which `*` stands for anything. One that is noticed counts like any other.
EQUIVALENT: Mapping[str, str] = {
    "product database: ALTER ROUTINE record_row_history() RESET row_security": (
        "A migration that works with row_security off would fail loudly where a trigger writes"
        " history; nobody sees or writes another row."
    ),
    "shared_lib.tenancy._gates *: `pattern.match` for `pattern.fullmatch` (#2)": (
        "A guarded path followed by a line feed asks for a token one time more."
    ),
    "product-core-api start_support_session: scope user": (
        "The roles that it names are in no token of an organization, and role app, which would"
        " serve it, has no grant."
    ),
    "identity-service *: support sessions as well": (
        "A support token is for the core alone: identity's verifier refuses its audience, whatever"
        " an operation declares."
    ),
    "identity-service *: as if it only read": (
        "Identity's admission does not ask whether an operation writes; PostgreSQL would refuse it."
    ),
}


def reason_of(name: str) -> str:
    """Why the mutation of this name changes nothing that matters; empty where it does."""
    matching = (reason for known, reason in EQUIVALENT.items() if fnmatchcase(name, known))
    return next(matching, "")
