"""HTTP of service accounts."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.core.access import organization
from app.modules.memberships import service as memberships
from app.modules.memberships.domain import MANAGERS
from app.modules.service_accounts import service
from app.modules.service_accounts.schemas import (
    SecretCreate,
    SecretCreated,
    ServiceAccountCreate,
    ServiceAccountCreated,
    ServiceAccountDetailRead,
    ServiceAccountRead,
)
from shared_lib.errors import problems
from shared_lib.tenancy import TenantTransaction, idempotent
from shared_lib.web import Json, Listing, Page, QueryFlag

router = APIRouter(prefix="/service-accounts", tags=["service_accounts"])

_ADMINS: dict[str, Any] = {"dependencies": [organization(*MANAGERS)]}
# An answer that holds a secret is not kept, to be given again; the id of what was made is.
_CREATING: dict[str, Any] = {
    "dependencies": [organization(*MANAGERS), idempotent(keeps="id")],
    "status_code": 201,
}
_NEVER_STORED = {"Cache-Control": "no-store"}
_RevokeTokens = Annotated[
    QueryFlag,
    Query(description="End every token of the account, too: for a secret that got out"),
]


@router.get("", **_ADMINS, response_model=Listing[ServiceAccountRead])
async def list_service_accounts(tx: TenantTransaction, page: Page) -> Response:
    """List the organization's service accounts, newest first, revoked ones too."""
    return Json(await service.list_service_accounts(tx, page))


@router.get(
    "/{account_id}",
    **_ADMINS,
    response_model=ServiceAccountDetailRead,
    responses=problems(service.ServiceAccountNotFound),
)
async def get_service_account(tx: TenantTransaction, account_id: UUID) -> Response:
    """Show a service account, and when each of its secrets was last used."""
    return Json(await service.get_service_account(tx, account_id))


@router.post(
    "",
    **_CREATING,
    response_model=ServiceAccountCreated,
    responses=problems(memberships.RoleNotAllowed),
)
async def create_service_account(tx: TenantTransaction, new: ServiceAccountCreate) -> Response:
    """Create a service account. Its secret is shown here, and never again."""
    created = await service.create_service_account(tx, new)
    return Json(created, status_code=201, headers=_NEVER_STORED)


@router.delete(
    "/{account_id}",
    **_ADMINS,
    status_code=204,
    responses=problems(service.ServiceAccountNotFound),
)
async def revoke_service_account(tx: TenantTransaction, account_id: UUID) -> None:
    """Revoke a service account for ever, with its secrets and tokens.

    It gets no more tokens; those that it has are dead in the core API within seconds.
    """
    await service.revoke_service_account(tx, account_id)


@router.post(
    "/{account_id}/secrets",
    **_CREATING,
    response_model=SecretCreated,
    responses=problems(
        service.ServiceAccountNotFound, service.ServiceAccountRevoked, service.TooManySecrets
    ),
)
async def create_service_account_secret(
    tx: TenantTransaction, account_id: UUID, new: SecretCreate
) -> Response:
    """Create a second secret, to replace the first. It is shown here, and never again."""
    created = await service.create_secret(tx, account_id, new)
    return Json(created, status_code=201, headers=_NEVER_STORED)


@router.delete(
    "/{account_id}/secrets/{secret_id}",
    **_ADMINS,
    status_code=204,
    responses=problems(service.ServiceAccountNotFound, service.SecretNotFound),
)
async def revoke_service_account_secret(
    tx: TenantTransaction,
    account_id: UUID,
    secret_id: UUID,
    *,
    revoke_tokens: _RevokeTokens = False,
) -> None:
    """Revoke a secret for ever. Tokens live on until they expire, unless `revoke_tokens` is set."""
    await service.revoke_secret(tx, account_id, secret_id, revoke_tokens=revoke_tokens)
