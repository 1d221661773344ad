"""The proof of isolation: what must hold in the catalogue, in behaviour and on every route."""

from shared_lib.prove._behaviour import behaviour_of, isolated_tables
from shared_lib.prove._catalogue import Catalogue, read_catalogue
from shared_lib.prove._declared import declared_file, declared_in, declared_text
from shared_lib.prove._exceptions import EXCEPTIONS, Exceptions
from shared_lib.prove._routes import (
    InstallationSecrets,
    check_routes,
    check_routes_unauthenticated,
    read_signing_key,
)
from shared_lib.prove._rules import RULES, Rule, faults_of
from shared_lib.prove._sections import (
    CONNECT_FAILURES,
    check_behaviour,
    check_catalogue,
    check_connections,
)

__all__ = [
    "CONNECT_FAILURES",
    "EXCEPTIONS",
    "RULES",
    "Catalogue",
    "Exceptions",
    "InstallationSecrets",
    "Rule",
    "behaviour_of",
    "check_behaviour",
    "check_catalogue",
    "check_connections",
    "check_routes",
    "check_routes_unauthenticated",
    "declared_file",
    "declared_in",
    "declared_text",
    "faults_of",
    "isolated_tables",
    "read_catalogue",
    "read_signing_key",
]
