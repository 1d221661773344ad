"""The sessions that handlers ask for. Both are the request's own, already admitted transaction."""

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from shared_lib.tenancy import Scope, current_tenant_id, door, request_session

__all__ = ["AsyncSession", "current_tenant_id", "get_db", "get_db_no_rls"]


@door(Scope.ORGANIZATION)
async def get_db(request: Request) -> AsyncSession:
    """The rows of the caller's organization. The request commits, once, before its response.

    The transaction ends with the handler: what a background task, or a dependency after its
    `yield`, does with the session raises.
    """
    return request_session(request)


@door(Scope.PLATFORM)
async def get_db_no_rls(request: Request) -> AsyncSession:
    """Organizations, support sessions and the audit trail of all organizations.

    An operation that uses it must need a platform permission, or the service does not start.
    Business data is not reachable: staff enter it by a support session only.
    """
    return request_session(request)
