"""HTTP of password resets. Tokens of links travel in bodies only: no GET takes one."""

from fastapi import APIRouter, Request, Response

from app.core.access import public
from app.core.passwords import SignInBusy
from app.core.process import CurrentProcess
from app.core.throttle import TooManyAttempts
from app.modules.password_resets import service
from app.modules.password_resets.schemas import (
    PasswordResetAccepted,
    PasswordResetComplete,
    PasswordResetCreate,
)
from app.modules.people.service import PasswordTooWeak
from shared_lib.errors import DatabaseUnavailable, OutcomeUnknown, problems
from shared_lib.tenancy import OwnTransactions
from shared_lib.web import Json

router = APIRouter(prefix="/password-reset", tags=["password_resets"])


@router.post(
    "",
    dependencies=[public("own")],
    status_code=202,
    response_model=PasswordResetAccepted,
    responses=problems(TooManyAttempts, DatabaseUnavailable, OutcomeUnknown),
)
async def create_password_reset(
    request: Request, process: CurrentProcess, unit: OwnTransactions, create: PasswordResetCreate
) -> Response:
    """Ask for a link to choose another password. It goes to the address, if somebody has it.

    The answer is the same for every address.
    """
    return Json(await service.accept(process, request, unit, create), status_code=202)


@router.post(
    "/complete",
    dependencies=[public("own")],
    status_code=204,
    responses=problems(
        service.PasswordResetLinkInvalid,
        PasswordTooWeak,
        SignInBusy,
        DatabaseUnavailable,
        OutcomeUnknown,
    ),
)
async def complete_password_reset(
    process: CurrentProcess, unit: OwnTransactions, complete: PasswordResetComplete
) -> None:
    """Choose another password with the link, once. Ends every sign-in session of the person."""
    await service.complete(process, unit, complete)
