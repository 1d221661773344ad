"""A support session whose organization is told by mail, and the worker that tells."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from app.core.jobs import WorkerContext
from app.worker import worker_of
from shared_lib.ids import uuid7
from shared_lib.jobs import Worker
from shared_lib.testing.mail import mails_in, text_of
from shared_lib.testing.postgres import Cluster
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import Tenant, make_settings
from tests.operations import SupportSession, insert_member

STARTED, RECEIPT = "support has entered", "support has left"


@dataclass(frozen=True)
class Case:
    """A live support session in an organization with one owner, and a worker that tells him."""

    tenant: Tenant
    session: SupportSession
    owner: str
    worker: Worker[WorkerContext]
    directory: Path
    admin: asyncpg.Connection
    issuer: TokenIssuer

    def mails(self, to: str | None = None) -> list[EmailMessage]:
        return mails_in(self.directory, to=to or self.owner)

    def receipt(self) -> str:
        (mail,) = self.mails()
        assert RECEIPT in mail["Subject"]
        return text_of(mail)

    async def staff(self, role: str, sub: UUID) -> None:
        path = f"/api/v1/support/impersonate/{self.session.id}"
        token = self.issuer.platform(role=role, sub=sub)
        await self.tenant.client.delete(path, headers={"Authorization": f"Bearer {token}"})

    async def let_expire(self) -> None:
        await self.admin.execute(
            "UPDATE support_sessions SET started_at = started_at - interval '1 hour',"
            " expires_at = expires_at - interval '1 hour' WHERE id = $1 AND ended_at IS NULL",
            self.session.id,
        )
        await self.look_for_the_expired()

    async def look_for_the_expired(self) -> None:
        await self.admin.execute("UPDATE schedules SET next_at = now()")


async def promise(admin: asyncpg.Connection, tenant_id: UUID, kind: str, **arguments: str) -> UUID:
    job_id = uuid7()
    await admin.execute(
        "INSERT INTO jobs (tenant_id, id, kind, arguments, run_at) VALUES ($1, $2, $3, $4, now())",
        *(tenant_id, job_id, kind, json.dumps(arguments)),
    )
    return job_id


@pytest.fixture
async def worker(
    cluster: Cluster,
    database_name: str,
    admin: asyncpg.Connection,
    issuer: TokenIssuer,
    tmp_path: Path,
) -> AsyncIterator[Worker[WorkerContext]]:
    # Other tests of the database have promised jobs that nobody did.
    await admin.execute("DELETE FROM jobs")
    settings = make_settings(
        cluster,
        database_name,
        issuer.issuer,
        mail_directory=tmp_path,
        web_url="https://app.example.com",
    )
    async with worker_of(settings) as running:
        yield running


@pytest.fixture
async def case(
    admin: asyncpg.Connection,
    tenant: Tenant,
    worker: Worker[WorkerContext],
    tmp_path: Path,
    issuer: TokenIssuer,
) -> Case:
    owner = f"owner-{tenant.id.hex}@example.org"
    await insert_member(admin, tenant.id, owner)
    session = await SupportSession(tenant.id, ticket="T-4711").insert(admin)
    return Case(tenant, session, owner, worker, tmp_path, admin, issuer)


async def start_mails(case: Case) -> None:
    await promise(
        case.admin, case.tenant.id, "send_support_started", session_id=str(case.session.id)
    )
