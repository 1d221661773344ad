"""HTTP of people: the caller himself under `/me`, all of them under `/admin/people`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator

from app.core.access import platform, signed_in
from app.core.passwords import SignInBusy
from app.core.process import CurrentProcess
from app.core.throttle import TooManyAttempts
from app.modules.people import administration, passwords, service
from app.modules.people.schemas import (
    PLATFORM_ADMIN,
    DeactivatedPerson,
    MeRead,
    MeUpdate,
    PasswordChange,
    PersonDeactivate,
    PersonReactivate,
    PersonRead,
)
from shared_lib.errors import problems
from shared_lib.tenancy import OwnUserTransactions, PlatformTransaction, UserTransaction
from shared_lib.web import Json, Listing, Page, without_nul

router = APIRouter(tags=["people"])

Search = Annotated[
    str | None,
    Query(max_length=254, description="Part of an address or a name, in any case"),
    AfterValidator(without_nul),
]


@router.get("/me", dependencies=[signed_in()], response_model=MeRead)
async def get_me(tx: UserTransaction) -> Response:
    """Show who calls, and the organizations that he belongs to."""
    return Json(await service.get_me(tx))


@router.patch("/me", dependencies=[signed_in()], response_model=MeRead)
async def update_me(tx: UserTransaction, update: MeUpdate) -> Response:
    """Change the caller's profile. What is not sent stays as it is."""
    return Json(await service.update_me(tx, update))


@router.put(
    "/me/password",
    dependencies=[signed_in("own")],
    status_code=204,
    responses=problems(
        passwords.CurrentPasswordWrong, service.PasswordTooWeak, SignInBusy, TooManyAttempts
    ),
)
async def change_password(
    process: CurrentProcess, unit: OwnUserTransactions, change: PasswordChange
) -> None:
    """Change the caller's password. This session goes on, his others end."""
    await passwords.change_password(process, unit, change)


@router.get(
    "/admin/people",
    dependencies=[platform(PLATFORM_ADMIN)],
    response_model=Listing[PersonRead],
)
async def list_people(tx: PlatformTransaction, page: Page, search: Search = None) -> Response:
    """List all people, newest first."""
    return Json(await administration.list_people(tx, page, search))


@router.get(
    "/admin/people/{person_id}",
    dependencies=[platform(PLATFORM_ADMIN)],
    response_model=PersonRead,
    responses=problems(administration.PersonNotFound),
)
async def get_person(tx: PlatformTransaction, person_id: UUID) -> Response:
    """Show one person."""
    return Json(await administration.get_person(tx, person_id))


@router.post(
    "/admin/people/{person_id}/deactivate",
    dependencies=[platform(PLATFORM_ADMIN)],
    response_model=DeactivatedPerson,
    responses=problems(
        administration.PersonNotFound,
        administration.PersonNotActive,
        administration.CannotDeactivateYourself,
        administration.LastPlatformAdmin,
    ),
)
async def deactivate_person(
    tx: PlatformTransaction, person_id: UUID, deactivate: PersonDeactivate
) -> Response:
    """Shut a person out: here at once, in the core API within seconds.

    The answer names the organizations that nobody owns now.
    """
    return Json(await administration.deactivate_person(tx, person_id, deactivate))


@router.post(
    "/admin/people/{person_id}/reactivate",
    dependencies=[platform(PLATFORM_ADMIN)],
    response_model=PersonRead,
    responses=problems(administration.PersonNotFound, administration.PersonActive),
)
async def reactivate_person(
    tx: PlatformTransaction, person_id: UUID, _: PersonReactivate
) -> Response:
    """Let a person in again; he signs in anew."""
    return Json(await administration.reactivate_person(tx, person_id))
