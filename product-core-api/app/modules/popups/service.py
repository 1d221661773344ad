"""The rules of popups."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import asyncpg

from app.core.slugs import slug_of
from app.modules.popups import repository
from app.modules.popups.schemas import PopupCreate, PopupRead, PopupUpdate
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError, FieldError, ValidationFailed
from shared_lib.ids import uuid7
from shared_lib.tenancy import TenantTx
from shared_lib.web import Listing, PageRequest


class PopupNotFound(ApiError):
    """There is no such popup in the caller's organization."""

    code = "popup_not_found"
    status = 404
    title = "There is no such popup"


class PopupSlugTaken(ApiError):
    """Another popup of the organization has the slug."""

    code = "popup_slug_taken"
    status = 409
    title = "Another popup has this slug"


async def list_popups(tx: TenantTx, page: PageRequest) -> Listing[PopupRead]:
    """One page, newest first."""
    return await repository.list_popups(tx, page)


async def get_popup(tx: TenantTx, popup_id: UUID) -> PopupRead:
    """Raises PopupNotFound."""
    return _found(await repository.get_popup(tx, popup_id))


async def create_popup(tx: TenantTx, new: PopupCreate) -> PopupRead:
    """Raises PopupSlugTaken, or ValidationFailed for an end before its start."""
    now = utc_now()
    values = new.model_dump() | {"id": uuid7(), "created_at": now, "updated_at": now}
    values["slug"] = new.slug or slug_of(new.name)
    with _refusals():
        return _found(await repository.insert_popup(tx, values))


async def update_popup(tx: TenantTx, popup_id: UUID, update: PopupUpdate) -> PopupRead:
    """Raises PopupNotFound, PopupSlugTaken, or ValidationFailed for an end before its start.

    The slug stays when the name changes: it is part of links that people have.
    """
    changes = update.changes()
    if not changes:
        return await get_popup(tx, popup_id)
    with _refusals():
        changed = await repository.update_popup(tx, popup_id, changes | {"updated_at": utc_now()})
        return _found(changed)


async def delete_popup(tx: TenantTx, popup_id: UUID) -> None:
    """Raises PopupNotFound."""
    if not await repository.delete_popup(tx, popup_id):
        raise PopupNotFound


def _found(popup: PopupRead | None) -> PopupRead:
    if popup is None:
        raise PopupNotFound
    return popup


@contextmanager
def _refusals() -> Iterator[None]:
    """What the constraints refuse, in the words of the API."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == repository.SLUG_CONSTRAINT:
            raise PopupSlugTaken from error
        raise
    except asyncpg.CheckViolationError as error:
        field = FieldError("body.ends_at", "before_start", "The end is before the start")
        raise ValidationFailed(errors=[field]) from error
