"""People found organizations of their own: whose they are, how many, and what comes with them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from app.core.settings import CoreSettings
from shared_lib.ids import uuid7
from shared_lib.testing.tokens import TokenIssuer
from tests.audit_events.trail import picked, told, told_once
from tests.conftest import MakeOrganization, Tenant
from tests.transactions.conftest import serve

pytestmark = pytest.mark.database

SOME_ID = "01a1fa50-0000-7000-8000-000000000001"
ROW = "SELECT * FROM organizations WHERE tenant_id = $1"


def fresh_slug() -> str:
    return f"own-{uuid4().hex}"


async def found(client: httpx.AsyncClient, token: str, **body: Any) -> httpx.Response:
    body = {"name": "Own Kitchen", "slug": fresh_slug(), **body}
    body = {name: value for name, value in body.items() if value != "absent"}
    return await client.post(
        "/api/v1/orgs", json=body, headers={"Authorization": f"Bearer {token}"}
    )


async def test_it_is_the_callers_and_on_trial(
    client: httpx.AsyncClient, issuer: TokenIssuer, admin: asyncpg.Connection
) -> None:
    person, slug = uuid7(), fresh_slug()
    response = await found(client, issuer.person(sub=person), slug=slug)
    assert response.status_code == 201, response.text
    shown = response.json()
    tenant_id = UUID(shown["id"])
    row = await admin.fetchrow(ROW, tenant_id)
    assert shown == {
        "id": str(tenant_id),
        "slug": slug,
        "name": "Own Kitchen",
        "trial_ends_at": row["trial_ends_at"].isoformat().replace("+00:00", "Z"),
    }
    assert picked(row, "founder_id", "first_owner_email", "version") == (person, None, 1)
    assert picked(row, "status", "paid", "support_access") == ("active", False, "read_only")
    assert row["trial_ends_at"] - row["created_at"] == timedelta(days=30)
    event = await told_once(admin, response)
    assert picked(event, "tenant_id", "actor_id", "subject_id", "action", "outcome") == (
        *(tenant_id, person, person, "organizations.found", "succeeded"),
    )
    assert picked(event, "resource_id", "client_ip") == (str(tenant_id), "127.0.0.1")
    owner = issuer.person(tenant_id=tenant_id, role="owner", sub=person)
    log = await client.get("/api/v1/org/audit-log", headers={"Authorization": f"Bearer {owner}"})
    assert [one["id"] for one in log.json()["results"]] == [str(event["id"])]
    org = await client.get("/api/v1/org", headers={"Authorization": f"Bearer {owner}"})
    assert (org.json()["access_mode"], org.json()["trial_days_left"]) == ("active", 30)


async def test_one_job_tells_identity(
    client: httpx.AsyncClient, issuer: TokenIssuer, admin: asyncpg.Connection
) -> None:
    tenant_id = UUID((await found(client, issuer.person())).json()["id"])
    jobs = await admin.fetch("SELECT kind, arguments FROM jobs WHERE tenant_id = $1", tenant_id)
    assert [tuple(job) for job in jobs] == [("tell_tenant", "{}")]


async def test_a_slug_is_made_from_the_name(client: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    word = uuid4().hex
    response = await found(client, issuer.person(), name=f" Café {word}! ", slug="absent")
    assert response.json()["slug"] == f"cafe-{word}"
    assert response.json()["name"] == f"Café {word}!"


async def test_members_and_people_shut_out_elsewhere_may(
    client: httpx.AsyncClient, issuer: TokenIssuer, make_tenant: MakeOrganization
) -> None:
    for status in ("active", "suspended"):
        elsewhere = await make_tenant(status=status)
        for role in ("viewer", "client"):
            token = issuer.person(tenant_id=elsewhere.id, role=role)
            assert (await found(client, token)).status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("founder_id", SOME_ID),
        ("tenant_id", SOME_ID),
        ("id", SOME_ID),
        ("paid", True),
        ("status", "active"),
        ("trial_ends_at", "2099-01-01T00:00:00Z"),
        ("first_owner_email", "a@example.com"),
        ("name", "  "),
        ("name", None),
        ("slug", "Upper"),
        ("slug", "a b"),
        ("slug", "a--b"),
        ("slug", "s" * 64),
    ],
)
async def test_nothing_else_is_the_callers_to_say(  # T8
    client: httpx.AsyncClient,
    issuer: TokenIssuer,
    admin: asyncpg.Connection,
    field: str,
    value: object,
) -> None:
    person = uuid7()
    response = await found(client, issuer.person(sub=person), **{field: value})
    assert response.status_code == 422, response.text
    assert [error["field"] for error in response.json()["errors"]] == [f"body.{field}"]
    assert await founded_by(admin, person) == 0


async def founded_by(admin: asyncpg.Connection, person: UUID) -> int:
    counted = "SELECT count(*) FROM organizations WHERE founder_id = $1"
    number: int = await admin.fetchval(counted, person)
    return number


async def test_a_slug_that_is_taken_is_no_fault_of_ours(  # T27
    client: httpx.AsyncClient, issuer: TokenIssuer, admin: asyncpg.Connection, tenant: Tenant
) -> None:
    person = uuid7()
    response = await found(client, issuer.person(sub=person), slug=tenant.slug)
    assert (response.status_code, response.json()["detail"]) == (409, "slug_taken")
    assert await founded_by(admin, person) == 0
    assert await told(admin, response) == []


async def test_of_many_who_want_one_slug_one_gets_it(  # T27
    client: httpx.AsyncClient, issuer: TokenIssuer, admin: asyncpg.Connection
) -> None:
    slug = fresh_slug()
    answers = await asyncio.gather(*(found(client, issuer.person(), slug=slug) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    codes = {answer.json()["detail"] for answer in answers if answer.is_error}
    assert codes == {"slug_taken"}
    assert await admin.fetchval("SELECT count(*) FROM organizations WHERE slug = $1", slug) == 1


async def test_no_more_than_three_unpaid_ones(
    client: httpx.AsyncClient, issuer: TokenIssuer, admin: asyncpg.Connection
) -> None:
    person = uuid7()
    token = issuer.person(sub=person)
    ids = [UUID((await found(client, token)).json()["id"]) for _ in range(3)]
    refused = await found(client, token)
    assert (refused.status_code, refused.json()["detail"]) == (409, "too_many_trials")
    assert await told(admin, refused) == []
    assert (await found(client, issuer.person())).status_code == 201  # another person
    change = "UPDATE organizations SET status = $2, paid = $3, trial_ends_at = now() - $4 * "
    change += "interval '1 day' WHERE tenant_id = $1"
    for status, paid, age, may in (
        ("active", False, 1, False),  # a trial that is over was one
        ("suspended", False, -1, False),
        ("deleting", False, -1, False),
        ("purged", False, -1, True),
        ("active", True, -1, True),
    ):
        await admin.execute(change, ids[0], status, paid, age)
        answer = await found(client, token)
        assert answer.is_success == may, (status, paid)
        if may:
            await admin.execute("DELETE FROM organizations WHERE slug = $1", answer.json()["slug"])


async def test_the_limit_holds_for_requests_at_once(
    client: httpx.AsyncClient, issuer: TokenIssuer, admin: asyncpg.Connection
) -> None:
    person = uuid7()
    token = issuer.person(sub=person)
    answers = await asyncio.gather(*(found(client, token) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [*[201] * 3, *[409] * 5]
    codes = {answer.json()["detail"] for answer in answers if answer.is_error}
    assert codes == {"too_many_trials"}
    assert await founded_by(admin, person) == 3


async def test_the_limit_is_a_setting(settings: CoreSettings, issuer: TokenIssuer) -> None:
    async with serve(settings, unpaid_organizations_per_founder=0) as client:
        refused = await found(client, issuer.person())
        assert (refused.status_code, refused.json()["detail"]) == (409, "too_many_trials")
    async with serve(settings, unpaid_organizations_per_founder=1) as client:
        token = issuer.person()
        assert [(await found(client, token)).status_code for _ in range(2)] == [201, 409]


@pytest.fixture
async def failing_commit(admin: asyncpg.Connection) -> AsyncIterator[str]:
    """COMMIT fails for an organization of the name that is yielded."""
    await admin.execute("""
        CREATE FUNCTION refuse_founding() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'at commit'; END $$;
        CREATE CONSTRAINT TRIGGER refuse_founding AFTER INSERT ON organizations
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.name = 'refused at commit')
        EXECUTE FUNCTION refuse_founding();
    """)
    yield "refused at commit"
    await admin.execute(
        "DROP TRIGGER refuse_founding ON organizations; DROP FUNCTION refuse_founding()"
    )


async def test_what_is_not_committed_leaves_nothing(
    client: httpx.AsyncClient, issuer: TokenIssuer, admin: asyncpg.Connection, failing_commit: str
) -> None:
    """Organization, event and job stand together or not at all."""
    person = uuid7()
    jobs = await admin.fetchval("SELECT count(*) FROM jobs")
    response = await found(client, issuer.person(sub=person), name=failing_commit)
    assert (response.status_code, response.json()["detail"]) == (500, "internal_error")
    assert await founded_by(admin, person) == 0
    assert await told(admin, response) == []
    assert await admin.fetchval("SELECT count(*) FROM jobs") == jobs
