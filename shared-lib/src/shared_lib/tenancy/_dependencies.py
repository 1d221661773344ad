"""What a handler asks for to get its transaction."""

from typing import Annotated, Any

from fastapi import Depends, Request

from shared_lib.tenancy._access import Scope
from shared_lib.tenancy._operation import door
from shared_lib.tenancy._session import RequestSession
from shared_lib.tenancy._transaction import PlatformTx, PublicTx, ServiceTx, TenantTx, Tx, UserTx
from shared_lib.tenancy._unit import Unit


def _transaction_of(scope: Scope) -> Any:
    """The transaction that the route has opened and admitted, for operations of `scope` alone."""

    @door(scope)
    async def transaction(request: Request) -> Tx:
        tx: Tx = request.scope["state"]["tx"]
        return tx

    return Depends(transaction)


async def current_unit(request: Request) -> Unit[Tx]:
    """The unit of work, for operations that open transactions of their own."""
    unit: Unit[Tx] = request.scope["state"]["unit"]
    return unit


PublicTransaction = Annotated[PublicTx, _transaction_of(Scope.PUBLIC)]
UserTransaction = Annotated[UserTx, _transaction_of(Scope.USER)]
TenantTransaction = Annotated[TenantTx, _transaction_of(Scope.ORGANIZATION)]
PlatformTransaction = Annotated[PlatformTx, _transaction_of(Scope.PLATFORM)]
ServiceTransaction = Annotated[ServiceTx, _transaction_of(Scope.SERVICE)]
OwnTransactions = Annotated[Unit[Tx], Depends(current_unit)]
OwnUserTransactions = Annotated[Unit[UserTx], Depends(current_unit)]
OwnPlatformTransactions = Annotated[Unit[PlatformTx], Depends(current_unit)]


def request_session(request: Request) -> RequestSession:
    """The request's transaction as an AsyncSession: what the dependency behind a door returns."""
    tx: Tx = request.scope["state"]["tx"]
    return tx.session()
