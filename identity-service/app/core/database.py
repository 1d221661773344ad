"""The pools of identity's roles, and the transaction that sees one person's memberships."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from typing_extensions import override

from app.core.access import admission
from app.core.models import kept_answers
from app.core.settings import IdentitySettings
from shared_lib.audit import EventWriter
from shared_lib.tenancy import Database, Runtime, Scope, Settings, Tx, Unit, opening_batch
from shared_lib.tokens import PLATFORM_ROLES, TokenData


@dataclass(frozen=True)
class Databases:
    """One pool per role."""

    app: Database
    auth: Database
    platform: Database
    worker: Database

    @classmethod
    def of(cls, settings: IdentitySettings) -> "Databases":
        """The pools of `settings`; no connection is made yet."""
        urls = (
            settings.app_database_url,
            settings.auth_database_url,
            settings.platform_database_url,
            settings.worker_database_url,
        )
        return cls(
            *(
                Database(
                    url.get_secret_value(),
                    pool_size=settings.database_pool_size,
                    pool_timeout=settings.database_pool_timeout,
                    application_name="identity-service",
                )
                for url in urls
            )
        )

    def all(self) -> tuple[Database, ...]:
        """Every pool."""
        return (self.app, self.auth, self.platform, self.worker)

    def runtime(self, events: EventWriter) -> Runtime:
        """Which role serves which scope: until somebody is known, and for himself, `auth`."""
        return Runtime(
            databases={
                Scope.PUBLIC: self.auth,
                Scope.USER: self.auth,
                Scope.ORGANIZATION: self.app,
                Scope.PLATFORM: self.platform,
                Scope.SERVICE: self.worker,
            },
            admission=admission,
            events=events,
            platform_roles=PLATFORM_ROLES,
            answers=kept_answers,
        )

    async def aclose(self) -> None:
        """Close the pools."""
        for database in self.all():
            await database.aclose()


@dataclass
class _OneUnit(Unit[Any]):
    """A unit whose transactions see one person or account, whoever calls."""

    one: Settings = field(kw_only=True)

    @override
    def opening_batch(self) -> str:
        settings = replace(self.one, request_id=self.caller.request_id)
        return opening_batch(settings, reads_only=False)


@asynccontextmanager
async def transaction_of(unit: Unit[Any], person_id: UUID) -> AsyncIterator[Tx]:
    """A transaction of `unit` that sees the memberships of one person.

    Only for somebody whose credential was right, or whom an authenticated client asked about.
    """
    one = Settings(person=person_id, actor=person_id)
    async with _OneUnit(unit.runtime, unit.operation, unit.caller, one=one).transaction() as tx:
        yield tx


@asynccontextmanager
async def transaction_of_account(unit: Unit[Any], account_id: UUID) -> AsyncIterator[Tx]:
    """A transaction of `unit` that sees one service account, its secrets, and no other's."""
    one = Settings(actor=account_id)
    async with _OneUnit(unit.runtime, unit.operation, unit.caller, one=one).transaction() as tx:
        yield tx


@asynccontextmanager
async def transaction_with(unit: Unit[Any], token: TokenData) -> AsyncIterator[Tx]:
    """A transaction such as the person who sends `token` would get, for all that it names.

    Raises TokenRevoked or TenantBlocked.
    """
    scope = Scope.PLATFORM if token.role else Scope.USER
    operation = replace(unit.operation, scope=Scope.ORGANIZATION if token.tenant_id else scope)
    caller = replace(unit.caller, token=token)
    async with Unit[Any](unit.runtime, operation, caller).transaction() as tx:
        yield tx
