"""Who is told of support sessions by mail, and who is not."""

from uuid import uuid4

import asyncpg
import pytest

from app.core.jobs import WorkerContext
from app.worker import worker_of
from shared_lib.jobs import Worker
from shared_lib.testing.mail import MailServer, mails_in
from shared_lib.testing.postgres import Cluster
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import Tenant, make_settings
from tests.operations import insert_member
from tests.support_sessions.conftest import Case, promise, start_mails
from tests.support_sessions.factory import enter

pytestmark = pytest.mark.database


# T10, T29: who is none, or none any more, learns nothing.
async def test_active_owners_are_told_and_nobody_else(case: Case, other: Tenant) -> None:
    tag = case.tenant.id.hex
    second = f"second-{tag}@example.org"
    await insert_member(case.admin, case.tenant.id, second)
    for role in ("admin", "standard", "viewer", "client"):
        await insert_member(case.admin, case.tenant.id, f"{role}-{tag}@example.org", role=role)
    await insert_member(case.admin, case.tenant.id, f"gone-{tag}@example.org", active=False)
    await insert_member(case.admin, other.id, f"theirs-{tag}@example.org")
    await start_mails(case)
    await case.worker.run_due()
    assert sorted(mail["To"] for mail in mails_in(case.directory) if tag in mail["To"]) == sorted(
        [case.owner, second]
    )


async def test_somebody_who_lost_the_organization_meanwhile_is_not_told(case: Case) -> None:
    person = await insert_member(case.admin, case.tenant.id, f"late-{uuid4().hex}@example.org")
    arguments = {"session_id": str(case.session.id), "person_id": str(person)}
    await case.admin.execute("UPDATE members SET role = 'viewer' WHERE person_id = $1", person)
    await promise(case.admin, case.tenant.id, "mail_support_started", **arguments)
    await case.worker.run_due()
    assert mails_in(case.directory) == []
    left = "SELECT count(*) FROM jobs WHERE tenant_id = $1"
    assert await case.admin.fetchval(left, case.tenant.id) == 0


async def test_an_organization_without_owner_holds_nothing_up(
    admin: asyncpg.Connection, other: Tenant, worker: Worker[WorkerContext]
) -> None:
    agent = await enter(admin, other)
    path = f"/org/support-sessions/{agent.session.id}"
    assert (await other.call("DELETE", path)).status_code == 204
    await worker.run_due()
    left = "SELECT count(*) FROM jobs WHERE tenant_id = $1"
    assert await admin.fetchval(left, other.id) == 0


async def test_a_job_of_another_organization_shows_nothing_of_this_one(
    case: Case, other: Tenant
) -> None:
    """Neither its session nor its owner: the job sees its own organization's rows."""
    person = await insert_member(case.admin, other.id, f"other-{uuid4().hex}@example.org")
    await promise(
        case.admin,
        other.id,
        "mail_support_started",
        session_id=str(case.session.id),
        person_id=str(person),
    )
    await case.worker.run_due()
    assert mails_in(case.directory) == []


async def test_one_refused_address_keeps_no_mail_from_the_others(
    cluster: Cluster, database_name: str, issuer: TokenIssuer, case: Case
) -> None:
    server = MailServer(answers={"RCPT": ["550 5.1.1 unknown"]})
    second = f"second-{uuid4().hex}@example.org"
    await insert_member(case.admin, case.tenant.id, second)
    await start_mails(case)
    async with server.listening():
        settings = make_settings(
            cluster,
            database_name,
            issuer.issuer,
            smtp_host="127.0.0.1",
            smtp_port=server.port,
            smtp_tls="none",
        )
        async with worker_of(settings) as worker:
            await worker.run_due()
    reached = {recipient for mail in server.received for recipient in mail.recipients}
    assert len(reached & {case.owner, second}) == 1
    left = "SELECT count(*) FROM jobs WHERE tenant_id = $1"
    assert await case.admin.fetchval(left, case.tenant.id) == 0
