"""What identity is told of organizations, by a worker over real HTTP, and that it comes to rest."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.jobs import WorkerContext
from app.worker import worker_of
from shared_lib.ids import uuid7
from shared_lib.jobs import Worker
from shared_lib.testing.ports import reserved_port
from shared_lib.testing.postgres import Cluster
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import make_settings
from tests.organizations.receiver import Fact, IdentityReceiver, kept
from tests.transactions.conftest import serve

pytestmark = pytest.mark.database

UNAVAILABLE = 503


@dataclass(frozen=True)
class Pair:
    """A core with a database of its own, its worker, and somebody who listens as identity would."""

    client: httpx.AsyncClient
    worker: Worker[WorkerContext]
    identity: IdentityReceiver
    admin: asyncpg.Connection
    issuer: TokenIssuer

    async def platform(self, method: str, path: str, json: object = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.issuer.platform()}"}
        url = f"/api/v1/admin/orgs{path}"
        response = await self.client.request(method, url, json=json, headers=headers)
        assert response.is_success, response.text
        return response

    async def owner(self, tenant_id: UUID, method: str, path: str, json: object) -> httpx.Response:
        token = self.issuer.person(tenant_id=tenant_id, role="owner")
        headers = {"Authorization": f"Bearer {token}"}
        url = f"/api/v1{path}"
        return await self.client.request(method, url, json=json, headers=headers)

    async def create(self, **changes: object) -> UUID:
        wish = {"name": "Acme", "slug": f"s-{uuid4().hex}", "first_owner_email": "A@example.com"}
        return UUID((await self.platform("POST", "", wish | changes)).json()["id"])

    async def fact(self, tenant_id: UUID) -> Fact:
        """What identity should know."""
        row = await self.admin.fetchrow(
            "SELECT slug, name, status, version, founder_id::text, first_owner_email"
            " FROM organizations WHERE tenant_id = $1",
            tenant_id,
        )
        return dict(row)

    async def work(self) -> None:
        """Do what waits, as if the pauses between attempts were over."""
        await self.admin.execute("UPDATE jobs SET run_at = now()")
        await self.worker.run_due()

    async def waiting(self) -> int:
        number: int = await self.admin.fetchval("SELECT count(*) FROM jobs")
        return number


@pytest.fixture(scope="module")
async def pair(cluster: Cluster, issuer: TokenIssuer) -> AsyncIterator[Pair]:
    identity = IdentityReceiver()
    async with cluster.clone() as name:
        admin = await asyncpg.connect(cluster.admin_url(name))
        with identity.listening():
            own = make_settings(
                cluster, name, issuer.issuer, identity_url=identity.url, client_secret="100% & +"
            )
            async with serve(own) as client, worker_of(own) as worker:
                yield Pair(client, worker, identity, admin, issuer)
        await admin.close()


async def test_a_creation_is_told_with_the_first_owners_address(pair: Pair) -> None:
    tenant_id = await pair.create(name="Käse & Brot")
    await pair.work()
    (told,) = [each for each in pair.identity.told if str(tenant_id) in each.path]
    assert (told.method, told.path) == ("PUT", f"/internal/tenants/{tenant_id}")
    assert told.authorization == f"Bearer {pair.identity.token}"
    assert told.fact == {
        "slug": (await pair.fact(tenant_id))["slug"],
        "name": "Käse & Brot",
        "status": "active",
        "version": 1,
        "founder_id": None,
        "first_owner_email": "A@example.com",
    }
    assert await pair.waiting() == 0


async def test_the_core_asks_for_its_own_token_as_the_standard_says(pair: Pair) -> None:
    before = len(pair.identity.token_requests)
    for _ in range(2):
        await pair.create()
        await pair.work()
    credentials = b64encode(b"product-core-api:100%25+%26+%2B").decode()
    authorization, form = pair.identity.token_requests[-1]
    assert authorization == f"Basic {credentials}"
    assert parse_qs(form) == {
        "grant_type": ["client_credentials"],
        "audience": ["identity-service/internal"],
    }
    assert len(pair.identity.token_requests) <= before + 1  # kept until it nearly ends


async def test_a_founding_is_told_with_the_founder(pair: Pair) -> None:
    person = uuid7()
    response = await pair.client.post(
        "/api/v1/orgs",
        json={"name": "Own", "slug": f"own-{uuid4().hex}"},
        headers={"Authorization": f"Bearer {pair.issuer.person(sub=person)}"},
    )
    tenant_id = UUID(response.json()["id"])
    await pair.work()
    (fact,) = pair.identity.about(tenant_id)
    assert fact == await pair.fact(tenant_id)
    assert (fact["founder_id"], fact["first_owner_email"]) == (str(person), None)


Change = Callable[[Pair, UUID], Any]
TOLD: dict[str, Change] = {
    "renamed by its owner": lambda p, t: p.owner(t, "PATCH", "/org", {"name": uuid4().hex}),
    "renamed": lambda p, t: p.platform("PATCH", f"/{t}", {"name": uuid4().hex}),
    "moved": lambda p, t: p.platform("PATCH", f"/{t}", {"slug": f"m-{uuid4().hex}"}),
    "suspended": lambda p, t: p.platform("POST", f"/{t}/suspend", {"reason": "Unpaid"}),
}
UNTOLD: dict[str, Change] = {
    "paid": lambda p, t: p.platform("POST", f"/{t}/mark-paid", {}),
    "unpaid": lambda p, t: p.platform("POST", f"/{t}/mark-unpaid", {"reason": "x"}),
    "extended": lambda p, t: p.platform("POST", f"/{t}/extend-trial", {"days": 1, "reason": "x"}),
    "read": lambda p, t: p.platform("GET", f"/{t}"),
    "nothing": lambda p, t: p.platform("PATCH", f"/{t}", {}),
    "same name": lambda p, t: p.owner(t, "PATCH", "/org", {"name": "Acme"}),
    "consent": lambda p, t: p.owner(t, "PUT", "/org/support-access", {"support_access": "off"}),
}


@pytest.mark.parametrize("change", sorted(TOLD))
async def test_what_identity_shows_is_told(pair: Pair, change: str) -> None:
    tenant_id = await pair.create()
    await pair.work()
    assert (await TOLD[change](pair, tenant_id)).is_success
    await pair.work()
    facts = pair.identity.about(tenant_id)
    assert len(facts) == 2
    assert facts[1] == await pair.fact(tenant_id) != facts[0]
    assert facts[1]["version"] == 2


@pytest.mark.parametrize("change", sorted(UNTOLD))
async def test_what_is_the_cores_alone_is_not_told(pair: Pair, change: str) -> None:
    tenant_id = await pair.create()
    await pair.work()
    assert (await UNTOLD[change](pair, tenant_id)).is_success
    assert await pair.waiting() == 0


async def test_a_suspension_and_its_end_are_told(pair: Pair) -> None:
    tenant_id = await pair.create()
    await pair.platform("POST", f"/{tenant_id}/suspend", {"reason": "Unpaid"})
    await pair.work()
    assert kept(pair.identity.about(tenant_id))["status"] == "suspended"
    await pair.platform("POST", f"/{tenant_id}/reactivate", {})
    await pair.work()
    assert kept(pair.identity.about(tenant_id)) == await pair.fact(tenant_id)


async def test_a_job_tells_what_is_now_and_not_what_was(pair: Pair) -> None:
    tenant_id = await pair.create()
    await pair.platform("POST", f"/{tenant_id}/suspend", {"reason": "Unpaid"})
    await pair.work()
    facts = pair.identity.about(tenant_id)
    assert [fact["status"] for fact in facts] == ["suspended", "suspended"]
    assert {fact["version"] for fact in facts} == {2}
    # Whichever comes first makes the first owner.
    assert all(fact["first_owner_email"] == "A@example.com" for fact in facts)


async def test_it_is_told_again_until_it_is_confirmed(pair: Pair) -> None:
    """Longer than any other job is tried."""
    tenant_id = await pair.create()
    pair.identity.answers[:] = [UNAVAILABLE, 500, 422, 401, 404, 409, *[UNAVAILABLE] * 6]
    job = "SELECT attempts, held_at FROM jobs WHERE tenant_id = $1"
    for _ in range(12):
        await pair.work()
        row = await pair.admin.fetchrow(job, tenant_id)
        if row is None:  # where work takes long, it meets several attempts
            break
        assert tuple(row) == (len(pair.identity.about(tenant_id)), None)
    await pair.work()
    assert await pair.waiting() == 0
    assert pair.identity.answers == []
    assert len(pair.identity.about(tenant_id)) > 12
    assert kept(pair.identity.about(tenant_id)) == await pair.fact(tenant_id)


@pytest.fixture
def away() -> Iterator[IdentityReceiver]:
    """It does not listen yet, and nobody else can in its place."""
    with reserved_port() as port:
        yield IdentityReceiver(port)


async def test_an_identity_that_is_down_is_told_when_it_is_back(
    away: IdentityReceiver, cluster: Cluster, issuer: TokenIssuer
) -> None:
    """Not even a token can be had; nothing is lost."""
    async with cluster.clone() as name:
        own = make_settings(cluster, name, issuer.issuer, identity_url=away.url)
        admin = await asyncpg.connect(cluster.admin_url(name))
        async with serve(own) as client, worker_of(own) as worker:
            alone = Pair(client, worker, away, admin, issuer)
            tenant_id = await alone.create()
            for _ in range(3):
                await alone.work()
            assert await alone.waiting() == 1
            failure = await admin.fetchval("SELECT failure FROM jobs")
            assert "NotDelivered" in failure or "Connect" in failure
            with away.listening():
                await alone.work()
                assert await alone.waiting() == 0
                assert away.about(tenant_id) == [await alone.fact(tenant_id)]
        await admin.close()


async def test_an_organization_that_is_no_more_holds_up_nothing(pair: Pair) -> None:
    tenant_id = await pair.create()
    await pair.admin.execute("DELETE FROM organizations WHERE tenant_id = $1", tenant_id)
    await pair.work()
    assert await pair.waiting() == 0
    assert pair.identity.about(tenant_id) == []


STEPS: dict[str, Change] = {
    **TOLD,
    "reactivated": lambda p, t: p.platform("POST", f"/{t}/reactivate", {}),
    "unpaid": UNTOLD["unpaid"],
    "work": lambda p, _: p.work(),
}


@given(
    steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=12),
    answers=st.lists(st.sampled_from([204, UNAVAILABLE, 500]), max_size=12),
    delivery=st.randoms(use_true_random=False),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_a_suspended_organization_stays_suspended_in_every_order_of_deliveries(
    pair: Pair, steps: list[str], answers: list[int], delivery: Any
) -> None:
    """Each request may be lost, repeated, and arrive after any other; the last change is a
    suspension, and what identity keeps in the end is that suspension.
    """
    tenant_id = await pair.create()
    pair.identity.answers[:] = answers
    status = "active"
    for step in steps:
        allowed = {"suspended": "active", "reactivated": "suspended"}.get(step, status)
        if status == allowed and (step != "renamed by its owner" or status == "active"):
            await STEPS[step](pair, tenant_id)
            status = {"suspended": "suspended", "reactivated": "active"}.get(step, status)
    if status == "active":
        await TOLD["suspended"](pair, tenant_id)
    while await pair.waiting():
        await pair.work()
    facts = pair.identity.about(tenant_id)
    truth = await pair.fact(tenant_id)
    assert truth["status"] == "suspended"
    versions = [fact["version"] for fact in facts]
    assert versions == sorted(versions)
    assert all(
        one == other for one in facts for other in facts if one["version"] == other["version"]
    )
    arriving = [fact for fact in facts for _ in range(delivery.randint(1, 3))]
    delivery.shuffle(arriving)
    assert kept(arriving) == truth
