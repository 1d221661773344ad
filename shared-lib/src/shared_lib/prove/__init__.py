"""The proof of isolation: what must hold in the catalogue, in behaviour and on every route."""

from shared_lib.prove._catalogue import Catalogue, read_catalogue
from shared_lib.prove._exceptions import EXCEPTIONS, Exceptions
from shared_lib.prove._rules import RULES, Rule, faults_of

__all__ = [
    "EXCEPTIONS",
    "RULES",
    "Catalogue",
    "Exceptions",
    "Rule",
    "faults_of",
    "read_catalogue",
]
