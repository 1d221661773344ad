"""Owners are told by mail when support enters and when it has left, each once, however it ended."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import asyncpg
import pytest

from app.core.jobs import WorkerContext
from app.modules.support_sessions.jobs import end_expired_support_sessions
from shared_lib.audit import PLATFORM
from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from shared_lib.jobs import Job, Work, Worker
from shared_lib.testing.mail import links_in, text_of
from shared_lib.testing.postgres import Cluster
from tests.conftest import Tenant
from tests.revocations.test_revocations import deliver, revocation
from tests.support_sessions.conftest import STARTED, Case, start_mails
from tests.support_sessions.factory import enter

pytestmark = pytest.mark.database

End = Callable[[Case], Awaitable[object]]


async def test_owners_are_told_when_support_enters(case: Case) -> None:
    await start_mails(case)
    await case.worker.run_due()
    (mail,) = case.mails()
    text = text_of(mail)
    assert STARTED in mail["Subject"]
    assert "“Test”" in mail["Subject"]
    for said in (f"“{case.session.reason}”", "“T-4711”", "read, and change nothing"):
        assert said in text
    assert "https://app.example.com/support-sessions" in links_in(mail)


async def test_it_is_told_though_the_session_is_over_when_the_mail_goes_out(case: Case) -> None:
    await start_mails(case)
    path = f"/org/support-sessions/{case.session.id}"
    assert (await case.tenant.call("DELETE", path)).status_code == 204
    await case.worker.run_due()
    assert sorted(STARTED in mail["Subject"] for mail in case.mails()) == [False, True]


async def by_agent(case: Case) -> None:
    await case.staff("support_agent", case.session.agent_id)


async def by_platform_admin(case: Case) -> None:
    await case.staff("platform_admin", uuid7())


async def by_own_platform_admin(case: Case) -> None:
    await case.staff("platform_admin", case.session.agent_id)


async def by_customer(case: Case) -> int:
    response = await case.tenant.call("DELETE", f"/org/support-sessions/{case.session.id}")
    return response.status_code


async def by_consent(case: Case) -> None:
    await case.tenant.call("PUT", "/org/support-access", json={"support_access": "off"})


async def by_sign_out(case: Case) -> None:
    ended = revocation("session", case.session.agent_sid)
    await deliver(case.tenant.client, case.issuer, ended, ended)


async def by_deactivation(case: Case) -> None:
    ended = revocation("person", case.session.agent_id, time.time() + 1)
    await deliver(case.tenant.client, case.issuer, ended)


async def by_time(case: Case) -> None:
    await case.let_expire()


ENDS: list[tuple[End, str]] = [
    (by_agent, "the support agent"),
    (by_own_platform_admin, "the support agent"),
    (by_platform_admin, "an administrator of the platform"),
    (by_customer, "your organization"),
    (by_consent, "your organization, which no longer allows it"),
    (by_sign_out, "us, because an access that it stood on had ended"),
    (by_deactivation, "us, because an access that it stood on had ended"),
    (by_time, "nobody: its time was over"),
]


@pytest.mark.parametrize(("end", "said"), ENDS, ids=[end.__name__ for end, _ in ENDS])
async def test_owners_get_one_receipt_however_it_ended(case: Case, end: End, said: str) -> None:
    for _ in range(2):
        await end(case)
        await case.worker.run_due()
        await case.look_for_the_expired()
        await case.worker.run_due()
    receipt = case.receipt()
    assert f"Ended by:      {said}\n" in receipt.replace("\r\n", "\n")
    assert f"“{case.session.reason}”" in receipt
    left = "SELECT count(*) FROM jobs WHERE tenant_id = $1"
    assert await case.admin.fetchval(left, case.tenant.id) == 0


async def test_what_expired_ended_when_its_time_was_over_and_is_told_in_the_log(
    case: Case,
) -> None:
    await case.let_expire()
    await case.worker.run_due()
    (shown,) = (await case.tenant.call("GET", "/org/support-sessions")).json()["results"]
    assert shown["ended_at"] == shown["expires_at"]
    assert shown["ended_by"] is None
    log = (await case.tenant.call("GET", "/org/audit-log")).json()["results"]
    told = [event for event in log if event["support_session_id"] == str(case.session.id)]
    assert [(event["action"], event["actor_id"], event["reason"]) for event in told] == [
        ("support_sessions.expire", None, case.session.reason)
    ]


async def test_a_live_session_is_left_alone(case: Case) -> None:
    await case.look_for_the_expired()
    await case.worker.run_due()
    ended = "SELECT ended_at FROM support_sessions WHERE id = $1"
    assert await case.admin.fetchval(ended, case.session.id) is None
    assert case.mails() == []


async def test_what_somebody_is_ending_is_not_ended_twice(
    cluster: Cluster, database_name: str, case: Case
) -> None:
    """Begun before it expired, not yet committed: the sweep passes by, now and afterwards."""
    await case.let_expire()
    other = await asyncpg.connect(cluster.admin_url(database_name))
    async with other.transaction():
        end = "UPDATE support_sessions SET ended_at = expires_at WHERE id = $1"
        await other.execute(end, case.session.id)
        async with asyncio.timeout(10):
            await case.worker.run_due()
        assert case.mails() == []
    await other.close()
    await case.look_for_the_expired()
    await case.worker.run_due()
    assert case.mails() == []


async def test_an_end_that_comes_too_late_is_none(
    cluster: Cluster, database_name: str, case: Case
) -> None:
    """It waits for the sweep, and finds the session over."""
    other = await asyncpg.connect(cluster.admin_url(database_name))
    async with other.transaction():
        end = "UPDATE support_sessions SET ended_at = expires_at WHERE id = $1"
        await other.execute(end, case.session.id)
        ending = asyncio.create_task(by_customer(case))
        async with asyncio.timeout(10):
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while not await case.admin.fetchval(waiting):  # noqa: ASYNC110  PostgreSQL decides
                await asyncio.sleep(0.01)
    await other.close()
    assert await ending == 404
    await case.worker.run_due()
    assert case.mails() == []


async def test_sweeps_at_once_tell_once(case: Case, worker: Worker[WorkerContext]) -> None:
    await case.let_expire()
    job = Job(PLATFORM, uuid7(), "sweep", {}, 1, utc_now())
    work = Work(job, worker._context, worker._runtime)
    await asyncio.gather(*(end_expired_support_sessions(work) for _ in range(4)))
    await worker.run_due()
    case.receipt()


async def test_a_receipt_is_promised_if_and_only_if_the_end_is_committed(
    admin: asyncpg.Connection, tenant: Tenant
) -> None:
    agent = await enter(admin, tenant)
    missing = await tenant.call("DELETE", f"/org/support-sessions/{uuid4()}")
    assert missing.status_code == 404
    jobs = "SELECT kind, arguments FROM jobs WHERE tenant_id = $1"
    assert await admin.fetch(jobs, tenant.id) == []
    await tenant.call("DELETE", f"/org/support-sessions/{agent.session.id}")
    (job,) = await admin.fetch(jobs, tenant.id)
    assert (job["kind"], json.loads(job["arguments"])) == (
        "send_support_receipt",
        {"session_id": str(agent.session.id), "ended_by": "organization"},
    )
