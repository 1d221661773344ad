"""HTTP of revocations: the identity service's alone."""

from fastapi import APIRouter, Depends

from app.core.keys import VerificationKeys
from app.modules.revocations import service
from app.modules.revocations.schemas import RevocationsReceive
from shared_lib.tenancy import Access, Guard, Scope, ServiceTransaction

router = APIRouter(prefix="/internal/revocations", tags=["revocations"])


@router.post("", dependencies=[Depends(Guard(Access(Scope.SERVICE)))], status_code=204)
async def receive_revocations(
    tx: ServiceTransaction, keys: VerificationKeys, received: RevocationsReceive
) -> None:
    """Take note of what ended in the identity service."""
    await service.receive_revocations(tx, keys, received)
