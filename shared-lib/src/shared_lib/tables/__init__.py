"""Table declarations, and what is generated from and checked against them."""

from shared_lib.tables._catalogue import (
    PATCHED_MINORS,
    PREDICATES_AS_DEPARSED,
    ServerState,
    catalogue_faults,
    declaration_faults,
    role_faults,
    server_state,
)
from shared_lib.tables._columns import COLUMN_TYPES, NAMING_CONVENTION
from shared_lib.tables._declaration import (
    Grant,
    Isolation,
    Kind,
    Policy,
    Predicate,
    actor_table,
    declared_tables,
    global_table,
    isolation_of,
    tenant_table,
    user_table,
)
from shared_lib.tables._document import declarations_document, declarations_from
from shared_lib.tables._generator import role_name, security_statements
from shared_lib.tables._keys import declared_keys, key_faults
from shared_lib.tables._statement import Statement

__all__ = [
    "COLUMN_TYPES",
    "NAMING_CONVENTION",
    "PATCHED_MINORS",
    "PREDICATES_AS_DEPARSED",
    "Grant",
    "Isolation",
    "Kind",
    "Policy",
    "Predicate",
    "ServerState",
    "Statement",
    "actor_table",
    "catalogue_faults",
    "declaration_faults",
    "declarations_document",
    "declarations_from",
    "declared_keys",
    "declared_tables",
    "global_table",
    "isolation_of",
    "key_faults",
    "role_faults",
    "role_name",
    "security_statements",
    "server_state",
    "tenant_table",
    "user_table",
]
