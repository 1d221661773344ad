"""The same request under the same key is done once, and answered as it was."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from tests.conftest import MakeOrganization, Tenant
from tests.idempotency.keyed import POPUPS, Keyed, age, count_popups, refusal, replayed, rows_of
from tests.support_sessions.factory import enter

pytestmark = pytest.mark.database


@pytest.fixture
def ann(tenant: Tenant) -> Keyed:
    return Keyed(tenant, tenant.client)


async def test_a_request_that_is_sent_again_gets_the_answer_again(
    ann: Keyed, admin: asyncpg.Connection
) -> None:
    first = await ann.create("Harbour")
    assert (first.status_code, replayed(first)) == (201, False)
    for _ in range(3):
        again = await ann.create("Harbour")
        assert (again.status_code, replayed(again)) == (201, True)
        assert again.content == first.content
        assert again.headers["content-type"] == first.headers["content-type"]
        assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert await count_popups(admin, ann.tenant) == 1


async def test_without_a_key_a_request_is_done_again(tenant: Tenant) -> None:
    assert (await tenant.call("POST", "/popups", json={"name": "Harbour"})).status_code == 201
    again = await tenant.call("POST", "/popups", json={"name": "Harbour"})
    assert refusal(again) == (409, "popup_slug_taken")


async def test_another_key_is_another_request(ann: Keyed, admin: asyncpg.Connection) -> None:
    for number in range(3):
        ann.key = uuid4().hex
        assert not replayed(await ann.create(f"Harbour {number}"))
    assert await count_popups(admin, ann.tenant) == 3


async def test_another_body_or_query_is_refused(ann: Keyed, admin: asyncpg.Connection) -> None:
    await ann.create("Harbour")
    assert refusal(await ann.create("Market")) == (409, "idempotency_key_reused")
    other_query = await ann.post({"name": "Harbour"}, f"{POPUPS}?draft=1")
    assert refusal(other_query) == (409, "idempotency_key_reused")
    assert await count_popups(admin, ann.tenant) == 1
    assert replayed(await ann.create("Harbour")), "a refusal spoils nothing"


async def test_another_organization_of_the_same_person_is_refused(
    ann: Keyed, other: Tenant, admin: asyncpg.Connection
) -> None:
    first = await ann.create("Harbour")
    there = Keyed(other, ann.client, sub=ann.sub, key=ann.key)
    refused = await there.create("Harbour")
    assert refusal(refused) == (409, "idempotency_key_reused")
    assert first.json()["id"] not in refused.text
    assert await count_popups(admin, other) == 0


async def test_another_actor_with_the_same_key_meets_nothing(
    ann: Keyed, other: Tenant, admin: asyncpg.Connection
) -> None:
    first = await ann.create("Harbour")
    colleague = Keyed(ann.tenant, ann.client, key=ann.key)
    assert refusal(await colleague.create("Harbour")) == (409, "popup_slug_taken")
    stranger = Keyed(other, ann.client, key=ann.key)
    theirs = await stranger.create("Harbour")
    assert (theirs.status_code, replayed(theirs)) == (201, False)
    assert theirs.json()["id"] != first.json()["id"]


async def test_a_request_that_failed_may_be_sent_again(
    ann: Keyed, admin: asyncpg.Connection
) -> None:
    assert (await ann.post({"name": ""})).status_code == 422
    assert (await ann.post({"name": "Harbour", "typo": 1})).status_code == 422
    colleague = Keyed(ann.tenant, ann.client)
    taken = (await colleague.create("Harbour")).json()
    assert refusal(await ann.create("Harbour")) == (409, "popup_slug_taken")
    assert await rows_of(admin, ann.sub) == []
    await ann.tenant.call("DELETE", f"/popups/{taken['id']}")
    done = await ann.create("Harbour")
    assert (done.status_code, replayed(done)) == (201, False)


async def test_answers_are_kept_for_a_day(ann: Keyed, admin: asyncpg.Connection) -> None:
    first = await ann.create("Harbour")
    await age(admin, ann.sub, "23 hours 59 minutes")
    assert replayed(await ann.create("Harbour"))
    await age(admin, ann.sub, "24 hours")
    await ann.tenant.call("DELETE", f"/popups/{first.json()['id']}")
    fresh = await ann.create("Harbour")
    assert (fresh.status_code, replayed(fresh)) == (201, False)
    assert fresh.json()["id"] != first.json()["id"]
    assert replayed(await ann.create("Harbour")), "the new answer is kept in place of the old"
    assert len(await rows_of(admin, ann.sub)) == 1


async def test_a_key_that_was_forgotten_may_be_used_for_anything(
    ann: Keyed, admin: asyncpg.Connection
) -> None:
    await ann.create("Harbour")
    await age(admin, ann.sub, "24 hours")
    assert (await ann.create("Market")).status_code == 201


async def test_many_at_once_make_one(ann: Keyed, admin: asyncpg.Connection) -> None:
    """Against a real database, with as many connections as the pool has."""
    for round_ in range(5):
        ann.key = uuid4().hex
        answers = await asyncio.gather(*(ann.create(f"Harbour {round_}") for _ in range(8)))
        made = [each for each in answers if each.status_code == 201 and not replayed(each)]
        assert len(made) == 1
        for answer in answers:
            if answer.status_code == 201:
                assert answer.content == made[0].content
            else:
                assert refusal(answer) == (409, "request_in_progress")
                assert answer.headers["retry-after"] == "1"
        assert await count_popups(admin, ann.tenant) == round_ + 1


@pytest.mark.parametrize(
    "key", ["", "a b", "x" * 256, "tab\there", "kl\xe9", "\x7f"], ids=lambda key: repr(key[:8])
)
async def test_keys_that_are_none(ann: Keyed, admin: asyncpg.Connection, key: str) -> None:
    headers = [
        *((name.encode(), value.encode()) for name, value in ann.tenant.headers().items()),
        (b"idempotency-key", key.encode("latin-1")),
    ]
    answer = await ann.client.post(POPUPS, json={"name": "Harbour"}, headers=headers)
    assert refusal(answer) == (400, "invalid_idempotency_key")
    assert await count_popups(admin, ann.tenant) == 0


async def test_two_keys_are_none(ann: Keyed) -> None:
    headers = [*ann.tenant.headers().items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    answer = await ann.client.post(POPUPS, json={"name": "Harbour"}, headers=headers)
    assert refusal(answer) == (400, "invalid_idempotency_key")


@pytest.mark.parametrize("key", ["x", "!" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "~"])
async def test_keys_of_every_form(ann: Keyed, key: str) -> None:
    ann.key = key
    assert (await ann.create("Harbour")).status_code == 201
    assert replayed(await ann.create("Harbour"))


async def test_what_creates_nothing_takes_no_key(ann: Keyed) -> None:
    made = (await ann.create("Harbour")).json()
    path = f"{POPUPS}/{made['id']}"
    for key in (ann.key, "not a key"):
        headers = ann.headers(**{"Idempotency-Key": key})
        assert (await ann.client.get(POPUPS, headers=headers)).status_code == 200
        change = await ann.client.patch(path, headers=headers, json={"tagline": key})
        assert change.json()["tagline"] == key


async def test_refusals_come_before_answers_that_are_kept(
    ann: Keyed, admin: asyncpg.Connection, make_tenant: MakeOrganization
) -> None:
    """Who may no longer do it is not told what it was."""
    await ann.create("Harbour")
    viewer = Keyed(ann.tenant, ann.client, sub=ann.sub, role="viewer", key=ann.key)
    assert refusal(await viewer.create("Harbour")) == (403, "missing_permission")
    status = "UPDATE organizations SET status = $2 WHERE tenant_id = $1"
    await admin.execute(status, ann.tenant.id, "suspended")
    assert refusal(await ann.create("Harbour")) == (403, "tenant_blocked")
    await admin.execute(status, ann.tenant.id, "active")
    assert replayed(await ann.create("Harbour"))


async def test_a_read_only_organization_keeps_nothing(
    make_tenant: MakeOrganization, admin: asyncpg.Connection
) -> None:
    """T35's neighbour: what was refused is done once the organization has paid."""
    tenant = await make_tenant(paid=False)
    ann = Keyed(tenant, tenant.client)
    assert refusal(await ann.create("Harbour")) == (403, "read_only")
    assert await rows_of(admin, ann.sub) == []
    await admin.execute("UPDATE organizations SET paid = true WHERE tenant_id = $1", tenant.id)
    done = await ann.create("Harbour")
    assert (done.status_code, replayed(done)) == (201, False)
    await admin.execute("UPDATE organizations SET paid = false WHERE tenant_id = $1", tenant.id)
    assert refusal(await ann.create("Harbour")) == (403, "read_only")


async def test_in_a_support_session_the_key_is_the_agents(
    ann: Keyed, admin: asyncpg.Connection
) -> None:
    """T11"""
    first = await ann.create("Harbour")
    agent = await enter(admin, ann.tenant, mode="read_write", member_id=ann.sub, role="owner")

    async def act(name: str) -> tuple[int, bool, str]:
        headers = {"Authorization": f"Bearer {agent.token}", "Idempotency-Key": ann.key}
        answer = await ann.client.post(POPUPS, headers=headers, json={"name": name})
        return answer.status_code, replayed(answer), answer.text

    refused = await act("Harbour")
    assert refused[0] == 409
    assert "popup_slug_taken" in refused[2], "the member's kept answer is not the agent's"
    assert first.json()["id"] not in refused[2]
    done, again = await act("Market"), await act("Market")
    assert (done[:2], again[:2], done[2] == again[2]) == ((201, False), (201, True), True)
    (row,) = await rows_of(admin, agent.session.agent_id)
    assert row["key"] == ann.key
    events = await admin.fetch(
        "SELECT outcome, code FROM audit_events WHERE tenant_id = $1 AND action = 'popups.create'"
        " ORDER BY occurred_at",
        ann.tenant.id,
    )
    assert [tuple(event) for event in events] == [
        ("refused", "popup_slug_taken"),
        ("succeeded", None),
        ("succeeded", "idempotency_replayed"),
    ]


async def test_an_agent_in_another_organization_is_refused(
    ann: Keyed, other: Tenant, admin: asyncpg.Connection
) -> None:
    here = await enter(admin, ann.tenant, mode="read_write")
    agent = here.session.agent_id
    there = await enter(admin, other, mode="read_write", agent_id=agent)
    statuses = []
    for session in (here, there):
        headers = {"Authorization": f"Bearer {session.token}", "Idempotency-Key": ann.key}
        answer = await ann.client.post(POPUPS, headers=headers, json={"name": "Harbour"})
        statuses.append(answer.status_code)
    assert statuses == [201, 409]
    assert await count_popups(admin, other) == 0
