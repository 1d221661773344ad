"""HTTP of sign-ups. Tokens of links travel in bodies only: no GET takes one, none consumes one."""

from fastapi import APIRouter, Request, Response

from app.core.access import public
from app.core.passwords import SignInBusy
from app.core.process import CurrentProcess
from app.core.throttle import TooManyAttempts
from app.modules.people.service import EmailTaken, PasswordTooWeak
from app.modules.sign_ups import service
from app.modules.sign_ups.schemas import (
    SignedUpRead,
    SignUpAccepted,
    SignUpComplete,
    SignUpCreate,
)
from shared_lib.errors import DatabaseUnavailable, OutcomeUnknown, problems
from shared_lib.tenancy import OwnTransactions, not_idempotent
from shared_lib.web import Json

router = APIRouter(prefix="/sign-up", tags=["sign_ups"])


@router.post(
    "",
    dependencies=[public("own")],
    status_code=202,
    response_model=SignUpAccepted,
    responses=problems(TooManyAttempts, DatabaseUnavailable, OutcomeUnknown),
)
async def create_sign_up(
    request: Request, process: CurrentProcess, unit: OwnTransactions, create: SignUpCreate
) -> Response:
    """Ask for an account. A mail with a link goes to the address, if it can be used.

    The answer is the same for every address.
    """
    return Json(await service.accept(process, request, unit, create), status_code=202)


@router.post(
    "/complete",
    dependencies=[
        public("own"),
        not_idempotent("nobody is known yet; the link works once, and says so when it is used up"),
    ],
    status_code=201,
    response_model=SignedUpRead,
    responses=problems(
        service.SignUpLinkInvalid,
        EmailTaken,
        PasswordTooWeak,
        SignInBusy,
        DatabaseUnavailable,
        OutcomeUnknown,
    ),
)
async def complete_sign_up(
    process: CurrentProcess, unit: OwnTransactions, complete: SignUpComplete
) -> Response:
    """Make the account that the link stands for, and choose its password."""
    return Json(await service.complete(process, unit, complete), status_code=201)
