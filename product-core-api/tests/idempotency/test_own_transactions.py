"""Operations with transactions of their own reserve their key, complete it, or give it up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest
from fastapi import APIRouter, Response
from typing_extensions import override

from app.core.access import require_platform_permission
from shared_lib.audit import AuditEvent
from shared_lib.ids import uuid7
from shared_lib.tenancy import OwnPlatformTransactions, UnsafeToStart, idempotent
from shared_lib.web import Json
from tests.conftest import Tenant
from tests.idempotency.keyed import Keyed, age, refusal, rows_of
from tests.operations import REASON
from tests.transactions.conftest import Serve

pytestmark = pytest.mark.database

Step = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """No step."""


class Story:
    """An operation of staff that calls somebody else between its two transactions.

    What it changes is an event in the log of an organization; its answer holds a secret.
    """

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.between: Step = nothing
        self.after: Step = nothing
        self.completes = True
        self.calls = 0
        self.router = APIRouter(tags=["support_sessions"])
        access = require_platform_permission("support_sessions", "write", transactions="own")
        self.router.post(
            "/own",
            dependencies=[access, idempotent(keeps="id")],
            status_code=201,
            name="create_own",
        )(self.create)

    async def create(self, unit: OwnPlatformTransactions) -> Response:
        self.calls += 1
        async with unit.transaction():
            pass
        await self.between()
        made = uuid7()
        async with unit.transaction() as tx:
            event = AuditEvent("own.made", resource_id=str(made))
            await tx.record(event, tenant_id=self.tenant.id)
            if self.completes:
                await unit.complete(tx, made)
        await self.after()
        return Json({"id": made, "secret": "hunter2"}, 201)


class Agent(Keyed):
    """A support agent, of no organization."""

    @override
    def headers(self, **extra: str) -> dict[str, str]:
        token = self.tenant.issuer.platform(role="support_agent", sub=self.sub)
        return {"Authorization": f"Bearer {token}", "Idempotency-Key": self.key, **extra}


@pytest.fixture
async def story(serve_core: Serve, tenant: Tenant) -> AsyncIterator[tuple[Story, Agent]]:
    told = Story(tenant)
    async with serve_core(told.router) as client:
        yield told, Agent(tenant, client)


async def made(admin: asyncpg.Connection, tenant: Tenant) -> list[str]:
    rows = await admin.fetch(
        "SELECT resource_id FROM audit_events WHERE tenant_id = $1 AND action = 'own.made'"
        " ORDER BY id",
        tenant.id,
    )
    return [row["resource_id"] for row in rows]


async def test_it_is_done_once_and_its_id_is_told(
    story: tuple[Story, Agent], admin: asyncpg.Connection
) -> None:
    told, agent = story
    first = await agent.post({}, "/own")
    assert first.status_code == 201
    for _ in range(2):
        again = await agent.post({}, "/own")
        assert refusal(again) == (409, "request_already_done")
        assert again.json()["resource_id"] == first.json()["id"]
    assert refusal(await agent.post({"x": 1}, "/own")) == (409, "idempotency_key_reused")
    assert await made(admin, told.tenant) == [first.json()["id"]]
    (row,) = await rows_of(admin, agent.sub)
    assert (row["status"], row["body"]) == (201, None)


async def test_without_a_key_nothing_is_reserved(
    story: tuple[Story, Agent], admin: asyncpg.Connection
) -> None:
    told, agent = story
    headers = agent.headers()
    del headers["Idempotency-Key"]
    for _ in range(2):
        assert (await agent.client.post("/own", headers=headers)).status_code == 201
    assert len(await made(admin, told.tenant)) == 2
    assert await rows_of(admin, agent.sub) == []


async def test_in_flight_is_told_at_once(
    story: tuple[Story, Agent], admin: asyncpg.Connection
) -> None:
    told, agent = story
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        entered.set()
        await go_on.wait()

    told.between = wait
    first = asyncio.create_task(agent.post({}, "/own"))
    await entered.wait()
    assert refusal(await agent.post({}, "/own")) == (409, "request_in_progress")
    go_on.set()
    assert (await first).status_code == 201
    assert len(await made(admin, told.tenant)) == 1


async def test_many_at_once_make_one(story: tuple[Story, Agent], admin: asyncpg.Connection) -> None:
    told, agent = story
    answers = await asyncio.gather(*(agent.post({}, "/own") for _ in range(8)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(201) == 1
    assert {refusal(a)[1] for a in answers if a.status_code != 201} <= {
        "request_in_progress",
        "request_already_done",
    }
    assert len(await made(admin, told.tenant)) == 1


async def test_a_failure_gives_the_key_up(
    story: tuple[Story, Agent], admin: asyncpg.Connection
) -> None:
    told, agent = story

    async def fail() -> None:
        raise RuntimeError("the other service is away")

    told.between = fail
    assert (await agent.post({}, "/own")).status_code == 500
    assert await rows_of(admin, agent.sub) == []
    told.between = nothing
    assert (await agent.post({}, "/own")).status_code == 201


async def test_a_failure_after_the_change_gives_nothing_up(
    story: tuple[Story, Agent], admin: asyncpg.Connection
) -> None:
    """The change stands: who asks again must not do it twice."""
    told, agent = story

    async def fail() -> None:
        raise RuntimeError("after COMMIT")

    told.after = fail
    assert (await agent.post({}, "/own")).status_code == 500
    told.after = nothing
    again = await agent.post({}, "/own")
    assert refusal(again) == (409, "request_already_done")
    assert await made(admin, told.tenant) == [again.json()["resource_id"]]


async def test_the_reservation_of_a_process_that_died_is_free_after_a_minute(
    story: tuple[Story, Agent], admin: asyncpg.Connection
) -> None:
    told, agent = story
    before = await agent.post({}, "/own")
    (row,) = await rows_of(admin, agent.sub)
    agent.key = "killed"
    await reserve(admin, agent, row["fingerprint"])
    assert refusal(await agent.post({}, "/own")) == (409, "request_in_progress")
    await age(admin, agent.sub, "50 seconds")
    assert refusal(await agent.post({}, "/own")) == (409, "request_in_progress")
    await age(admin, agent.sub, "60 seconds")
    done = await agent.post({}, "/own")
    assert done.status_code == 201
    assert await made(admin, told.tenant) == [before.json()["id"], done.json()["id"]]


async def reserve(admin: asyncpg.Connection, agent: Agent, fingerprint: bytes = b"") -> None:
    """What a process leaves that was killed between its two transactions."""
    await admin.execute(
        "INSERT INTO idempotency_keys (actor_id, key, fingerprint, reservation)"
        " VALUES ($1, $2, $3, $4)",
        *(agent.sub, agent.key, fingerprint, uuid7()),
    )


async def test_who_was_taken_for_dead_changes_nothing(
    story: tuple[Story, Agent], admin: asyncpg.Connection
) -> None:
    """It took longer than a minute, and the retry works under the key by now."""
    told, agent = story
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        if told.calls == 1:
            entered.set()
            await go_on.wait()

    told.between = wait
    slow = asyncio.create_task(agent.post({}, "/own"))
    await entered.wait()
    await age(admin, agent.sub, "61 seconds")
    retry = await agent.post({}, "/own")
    assert retry.status_code == 201
    go_on.set()
    assert refusal(await slow) == (409, "request_in_progress")
    assert await made(admin, told.tenant) == [retry.json()["id"]]
    assert refusal(await agent.post({}, "/own")) == (409, "request_already_done")


async def test_an_operation_that_forgets_to_complete_is_a_fault_of_ours(
    story: tuple[Story, Agent], admin: asyncpg.Connection
) -> None:
    told, agent = story
    told.completes = False
    assert (await agent.post({}, "/own")).status_code == 500
    assert await rows_of(admin, agent.sub) == []


async def test_a_whole_answer_cannot_be_kept(serve_core: Serve) -> None:
    router = APIRouter(tags=["support_sessions"])
    access = require_platform_permission("support_sessions", "write", transactions="own")

    @router.post("/whole", dependencies=[access, idempotent()], status_code=201)
    async def create_whole(unit: OwnPlatformTransactions) -> None:
        """Has no transaction in which its answer is known."""

    with pytest.raises(UnsafeToStart, match="no transaction that its answer could be kept in"):
        async with serve_core(router):
            pass


async def test_a_support_session_that_cannot_start_gives_the_key_up(
    tenant: Tenant, admin: asyncpg.Connection
) -> None:
    """Identity is not there, so it cannot be said whether it would have worked."""
    agent = Agent(tenant, tenant.client)
    path, wish = f"/api/v1/support/impersonate/{tenant.id}", {"reason": REASON}
    for _ in range(2):
        assert refusal(await agent.post(wish, path)) == (503, "identity_unavailable")
    assert await rows_of(admin, agent.sub) == []
    await reserve(admin, agent)
    assert refusal(await agent.post(wish, path)) == (409, "idempotency_key_reused")
    events = await admin.fetch(
        "SELECT code FROM audit_events WHERE tenant_id = $1 ORDER BY occurred_at", tenant.id
    )
    assert [event["code"] for event in events] == [
        *("identity_unavailable", "identity_unavailable"),
        "idempotency_key_reused",
    ]


async def test_keys_are_of_the_agent_and_not_of_the_platform(
    story: tuple[Story, Agent], admin: asyncpg.Connection
) -> None:
    _, agent = story
    assert (await agent.post({}, "/own")).status_code == 201
    colleague = Agent(agent.tenant, agent.client, key=agent.key)
    assert (await colleague.post({}, "/own")).status_code == 201
    actors: set[UUID] = {row["actor_id"] for row in await rows_of(admin, agent.sub)}
    assert actors == {agent.sub}
