"""Mails as jobs: sent once each under the job's id, repeated for a while, held when refused."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import asyncpg
import pytest

from shared_lib.caller import Caller
from shared_lib.ids import uuid7
from shared_lib.jobs import Backoff, JobFailed, JobKind, JobQueue, JobRefused, Work, Worker
from shared_lib.mail import Mailer, MailSettings, Templates, make_mailer, send_mail_of_job
from shared_lib.settings import ServiceSettings
from shared_lib.tenancy import Runtime, ServiceTx, background_transaction
from shared_lib.testing.mail import MailServer, mails_in, text_of

Send = Callable[[Work["Context"]], Awaitable[None]]


class Settings(MailSettings, ServiceSettings):
    service_prefix: ClassVar[str] = "SAMPLE_"


@dataclass(frozen=True)
class Context:
    settings: Settings
    mailer: Mailer


@pytest.fixture
def send(tmp_path: Path) -> Send:
    directory = tmp_path / "templates"
    directory.mkdir()
    (directory / "hello.txt").write_text("Subject: Hello\n\nHello {{ name }}, from {{ product }}\n")
    (directory / "hello.html").write_text("<p>{{ name }}</p>")
    templates = Templates(directory)

    async def send_hello(work: Work[Context]) -> None:
        await send_mail_of_job(work, templates, "hello", to="ada@example.org", name="Ada")

    return send_hello


async def promise(queue: JobQueue, runtime: Runtime) -> UUID:
    caller = Caller(token=None, request_id=uuid7())
    async with background_transaction(runtime, ServiceTx, caller) as tx:
        return await queue.enqueue(tx, "hello")


def worker_of(queue: JobQueue, runtime: Runtime, send: Send, **settings: Any) -> Worker[Context]:
    used = Settings(environment="development", issuer="http://localhost", **settings)
    kind = JobKind("hello", send, backoff=Backoff(first=0.0))
    return Worker(queue, runtime, Context(used, make_mailer(used)), kinds=[kind])


async def test_a_mail_has_the_id_of_its_job(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, send: Send, tmp_path: Path
) -> None:
    job_id = await promise(queue, runtime)
    worker = worker_of(queue, runtime, send, mail_directory=tmp_path, mail_from="Us <a@b.example>")
    assert await worker.run_due() == 1
    (mail,) = mails_in(tmp_path)
    assert mail["Message-ID"] == f"<{job_id}@b.example>"
    assert text_of(mail).strip() == "Hello Ada, from Us"
    assert (tmp_path / f"{job_id}.eml").exists()
    assert await admin.fetchval("SELECT count(*) FROM jobs") == 0


async def test_a_temporary_refusal_is_tried_again_with_the_same_message_id(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, send: Send
) -> None:
    server = MailServer(answers={"RCPT": ["451 4.7.1 later"], "DATA": ["421 4.3.2 going down"]})
    job_id = await promise(queue, runtime)
    async with server.listening():
        worker = worker_of(
            queue, runtime, send, smtp_host="127.0.0.1", smtp_port=server.port, smtp_tls="none"
        )
        while await worker.run_due():
            failure = await admin.fetchval("SELECT failure FROM jobs")
            assert failure is None or "JobFailed: the mail server answered 4" in failure
    (received,) = server.received
    assert received.message["Message-ID"] == f"<{job_id}@phase-zero.localhost>"
    assert server.commands.count("RCPT") == 3
    assert await admin.fetchval("SELECT count(*) FROM jobs") == 0


@pytest.mark.parametrize(("command", "held"), [("MAIL", True), ("DATA", True), ("RCPT", False)])
async def test_a_permanent_refusal_is_held_unless_it_is_about_the_address(
    queue: JobQueue,
    runtime: Runtime,
    admin: asyncpg.Connection,
    send: Send,
    command: str,
    held: bool,  # noqa: FBT001
) -> None:
    """Anybody can ask for a mail to an address that nobody has: that is nobody's here to mend."""
    server = MailServer(answers={command: ["550 5.1.1 <ada@example.org> unknown"]})
    await promise(queue, runtime)
    async with server.listening():
        worker = worker_of(
            queue, runtime, send, smtp_host="127.0.0.1", smtp_port=server.port, smtp_tls="none"
        )
        assert await worker.run_due() == 1
        assert await worker.run_due() == 0
    assert server.received == []
    rows = await admin.fetch("SELECT attempts, held_at IS NOT NULL AS held, failure FROM jobs")
    refused = (1, True, "JobRefused: the mail server answered 550 5.1.1")
    assert [tuple(row) for row in rows] == ([refused] if held else [])


async def test_a_job_that_can_never_be_done_is_held_though_its_kind_never_gives_up(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection
) -> None:
    async def refuse(_work: Work[str]) -> None:
        raise JobRefused("no such thing")

    await promise(queue, runtime)
    kind = JobKind("hello", refuse, attempts=None)
    worker = Worker(queue, runtime, "context", kinds=[kind])
    assert await worker.run_due() == 1
    assert await admin.fetchval("SELECT held_at IS NOT NULL FROM jobs")


async def test_a_job_finished_within_its_transaction_has_one_effect(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection
) -> None:
    """A crash after the commit leaves nothing to repeat; a lost lease leaves no second effect."""
    copies: list[Work[str]] = []

    async def fan_out(work: Work[str]) -> None:
        copies.append(work)
        async with work.service() as tx:
            for _ in range(3):
                await queue.enqueue(tx, "part")
            await queue.finish_with(tx, work.job)
        raise ConnectionError  # the worker dies before it can say that the job is done

    await promise(queue, runtime)
    kind = JobKind("hello", fan_out, backoff=Backoff(first=0.0))
    worker = Worker(queue, runtime, "context", kinds=[kind])
    assert await worker.run_due() == 1
    assert await admin.fetchval("SELECT count(*) FROM jobs WHERE kind = 'part'") == 3
    with pytest.raises(JobFailed, match="taken the job over"):
        await fan_out(copies[0])
    assert await admin.fetchval("SELECT count(*) FROM jobs WHERE kind = 'part'") == 3
    assert await admin.fetchval("SELECT count(*) FROM jobs WHERE kind = 'hello'") == 0
