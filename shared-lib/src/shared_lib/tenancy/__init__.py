"""From token to row: access declarations, admission, transactions and the doors to them."""

from shared_lib.postgres import TenantConnection
from shared_lib.tenancy._access import ANY_MODE, READ_MODES, WRITE_MODES, Access, AccessMode, Scope
from shared_lib.tenancy._app import ServiceApp
from shared_lib.tenancy._background import background_transaction
from shared_lib.tenancy._batch import Settings, call, literal, opening_batch
from shared_lib.tenancy._context import current_tenant_id
from shared_lib.tenancy._database import Database
from shared_lib.tenancy._database_gate import check_database, wait_for_database
from shared_lib.tenancy._dependencies import (
    OwnPlatformTransactions,
    OwnTransactions,
    OwnUserTransactions,
    PlatformTransaction,
    PublicTransaction,
    ServiceTransaction,
    TenantTransaction,
    UserTransaction,
    request_session,
)
from shared_lib.tenancy._gates import PublicPaths, UnsafeToStart, check_operations
from shared_lib.tenancy._guard import Guard, passing_role
from shared_lib.tenancy._index import IndexMiddleware, RouteIndex
from shared_lib.tenancy._listing import NewestFirst
from shared_lib.tenancy._openapi import oauth_paths
from shared_lib.tenancy._operation import (
    Operation,
    UndeclaredAccess,
    door,
    idempotent,
    not_idempotent,
    operation_of,
)
from shared_lib.tenancy._route import OperationRoute
from shared_lib.tenancy._session import CommitNotAllowed, RequestSession
from shared_lib.tenancy._transaction import (
    CommitFailed,
    PlatformTx,
    PublicTx,
    ServiceTx,
    TenantTx,
    Tx,
    UserTx,
)
from shared_lib.tenancy._unit import Runtime, Unit

__all__ = [
    "ANY_MODE",
    "READ_MODES",
    "WRITE_MODES",
    "Access",
    "AccessMode",
    "CommitFailed",
    "CommitNotAllowed",
    "Database",
    "Guard",
    "IndexMiddleware",
    "NewestFirst",
    "Operation",
    "OperationRoute",
    "OwnPlatformTransactions",
    "OwnTransactions",
    "OwnUserTransactions",
    "PlatformTransaction",
    "PlatformTx",
    "PublicPaths",
    "PublicTransaction",
    "PublicTx",
    "RequestSession",
    "RouteIndex",
    "Runtime",
    "Scope",
    "ServiceApp",
    "ServiceTransaction",
    "ServiceTx",
    "Settings",
    "TenantConnection",
    "TenantTransaction",
    "TenantTx",
    "Tx",
    "UndeclaredAccess",
    "Unit",
    "UnsafeToStart",
    "UserTransaction",
    "UserTx",
    "background_transaction",
    "call",
    "check_database",
    "check_operations",
    "current_tenant_id",
    "door",
    "idempotent",
    "literal",
    "not_idempotent",
    "oauth_paths",
    "opening_batch",
    "operation_of",
    "passing_role",
    "request_session",
    "wait_for_database",
]
