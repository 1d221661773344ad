"""What a handler asks for to get its transaction."""

from typing import Annotated

from fastapi import Depends, Request

from shared_lib.tenancy._session import RequestSession
from shared_lib.tenancy._transaction import PlatformTx, PublicTx, ServiceTx, TenantTx, Tx, UserTx
from shared_lib.tenancy._unit import Unit


async def current_transaction(request: Request) -> Tx:
    """The transaction that the route has opened and admitted."""
    tx: Tx = request.scope["state"]["tx"]
    return tx


async def current_unit(request: Request) -> Unit[Tx]:
    """The unit of work, for operations that open transactions of their own."""
    unit: Unit[Tx] = request.scope["state"]["unit"]
    return unit


PublicTransaction = Annotated[PublicTx, Depends(current_transaction)]
UserTransaction = Annotated[UserTx, Depends(current_transaction)]
TenantTransaction = Annotated[TenantTx, Depends(current_transaction)]
PlatformTransaction = Annotated[PlatformTx, Depends(current_transaction)]
ServiceTransaction = Annotated[ServiceTx, Depends(current_transaction)]
OwnTransactions = Annotated[Unit[Tx], Depends(current_unit)]
OwnPlatformTransactions = Annotated[Unit[PlatformTx], Depends(current_unit)]


def request_session(request: Request) -> RequestSession:
    """The request's transaction as an AsyncSession: what the dependency behind a door returns."""
    tx: Tx = request.scope["state"]["tx"]
    return tx.session()
