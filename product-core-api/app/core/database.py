"""The pools of the core's roles, and the sessions that handlers ask for.

Both sessions are the request's own, already admitted transaction.
"""

from fastapi import Request
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.settings import CoreSettings
from shared_lib.tenancy import Database, Scope, current_tenant_id, door, request_session

__all__ = ["AsyncSession", "current_tenant_id", "databases_of", "get_db", "get_db_no_rls"]


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


def databases_of(settings: CoreSettings) -> dict[Scope, Database]:
    """Which role serves which scope; no connection is made yet."""

    def connect(url: SecretStr, size: int) -> Database:
        return Database(
            url.get_secret_value(),
            pool_size=size,
            pool_timeout=settings.database_pool_timeout,
            application_name="product-core-api",
        )

    requests = connect(settings.app_database_url, settings.database_pool_size)
    platform = connect(settings.platform_database_url, settings.support_pool_size)
    worker = connect(settings.worker_database_url, settings.support_pool_size)
    return {
        Scope.PUBLIC: requests,
        Scope.USER: requests,
        Scope.ORGANIZATION: requests,
        Scope.PLATFORM: platform,
        Scope.SERVICE: worker,
    }
