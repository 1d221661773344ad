"""What a handler is given: the job, the process that it runs in, and transactions for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from shared_lib.audit import PLATFORM
from shared_lib.caller import Caller
from shared_lib.jobs._kinds import Job, JobFailed
from shared_lib.tenancy import Runtime, ServiceTx, TenantTx, background_transaction

Context = TypeVar("Context")


class TenantMissing(JobFailed):
    """A job that works on an organization's rows names no organization."""


class Work(Generic[Context]):
    """One attempt at a job. `context` is the service's own: settings, mailer, other service.

    Its transactions are admitted by nobody: a job acts for the service, not for a person. It
    still sees the rows of one organization only, or what role `worker` is granted.
    """

    def __init__(self, job: Job, context: Context, runtime: Runtime) -> None:
        self.job = job
        self.context = context
        self._runtime = runtime

    @asynccontextmanager
    async def tenant(self) -> AsyncIterator[TenantTx]:
        """A transaction of the job's organization, as role `app`; commits when left.

        Raises TenantMissing for a job without one.
        """
        if self.job.tenant_id == PLATFORM:
            raise TenantMissing(f"{self.job.kind} needs an organization")
        caller = Caller(token=None, request_id=self.job.id, job_tenant_id=self.job.tenant_id)
        async with background_transaction(self._runtime, TenantTx, caller) as tx:
            yield tx

    @asynccontextmanager
    async def service(self) -> AsyncIterator[ServiceTx]:
        """A transaction as role `worker`, of no organization; commits when left."""
        caller = Caller(token=None, request_id=self.job.id)
        async with background_transaction(self._runtime, ServiceTx, caller) as tx:
            yield tx
