"""Pooled connections carry nothing to the next organization, and each check finds its fault."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import asyncpg
import pytest

from app.core.models import DATABASE
from shared_lib.audit import PLATFORM
from shared_lib.checks import Check, CheckState
from shared_lib.ids import uuid7
from shared_lib.prove import check_connections
from shared_lib.tenancy import opening_batch
from shared_lib.testing.postgres import Cluster
from tests.operations import insert_event

pytestmark = pytest.mark.database

FAULTS = {
    "recycled": "ALTER TABLE organizations DISABLE ROW LEVEL SECURITY",
    "refused": "CREATE OR REPLACE PROCEDURE admit(is_client integer, writes integer,"
    " modes integer, token_tenant uuid, sid uuid, issued_at bigint, signing_key uuid DEFAULT NULL)"
    " LANGUAGE plpgsql AS 'BEGIN NULL; END'",
    **dict.fromkeys(
        ("cancelled", "failed", "savepoints"),
        "ALTER ROLE product_app IN DATABASE {name} SET app.current_tenant = '{tenant}'",
    ),
    "jobs": "ALTER POLICY organizations_app ON organizations USING (true)",
    "injections": "GRANT EXECUTE ON FUNCTION set_config TO product_app",
}


Patch = pytest.MonkeyPatch


def sets_for_the_session(patch: Patch) -> None:
    """The tenant outlives the transaction."""

    def batch(*arguments: Any, **options: Any) -> str:
        return opening_batch(*arguments, **options).replace("SET LOCAL", "SET")

    patch.setattr("shared_lib.tenancy._background.opening_batch", batch)


def rolls_nothing_back(patch: Patch) -> None:
    """What was begun stays open in a connection that goes back to the pool."""

    async def nothing(_: object) -> None:
        return

    patch.setattr("shared_lib.tenancy._database.Lease.roll_back", nothing)
    patch.setattr("shared_lib.tenancy._database.is_fit", lambda _: True)


def takes_jobs_of_nobody(patch: Patch) -> None:
    """A job without an organization is given a transaction."""
    patch.setattr("shared_lib.jobs._work.PLATFORM", None)


EARLY = "it did not get to its end"
CODE_FAULTS = (
    *((sets_for_the_session, each, "carries the tenant") for each in ("recycled", "savepoints")),
    (sets_for_the_session, "jobs", "carries the tenant"),
    # Nobody can ask a connection that was left in a failed transaction what else it carries.
    *((rolls_nothing_back, each, EARLY) for each in ("refused", "cancelled", "failed")),
    (takes_jobs_of_nobody, "jobs", "a job without an organization got a transaction"),
)


class Installation:
    """A database of one's own with two organizations."""

    def __init__(self, cluster: Cluster, name: str, admin: asyncpg.Connection) -> None:
        self.cluster = cluster
        self.name = name
        self.admin = admin
        self.tenants = [uuid7(), uuid7()]

    async def found(self) -> None:
        for tenant in self.tenants:
            await self.admin.execute(
                "INSERT INTO organizations (tenant_id, slug, name, status, paid, support_access,"
                " created_at, updated_at, version)"
                " VALUES ($1, $2, 'Test', 'active', true, 'off', now(), now(), 1)",
                tenant,
                tenant.hex,
            )

    async def check(self) -> Sequence[Check]:
        app = self.cluster.url(self.name, "product_app")
        return await check_connections(self.cluster.admin_url(self.name), app, DATABASE)


@pytest.fixture
async def installation(cluster: Cluster) -> AsyncIterator[Installation]:
    async with cluster.clone() as name:
        admin = await asyncpg.connect(cluster.admin_url(name))
        yield Installation(cluster, name, admin)
        await admin.close()


async def test_there_is_no_fault(installation: Installation) -> None:
    await installation.found()
    checks = await installation.check()
    assert {check.name: check.faults for check in checks} == dict.fromkeys(FAULTS, ())


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_is_noticed(installation: Installation, name: str) -> None:
    await installation.found()
    tenant = installation.tenants[0]
    await installation.admin.execute(FAULTS[name].format(name=installation.name, tenant=tenant))
    found = {check.name: check.faults for check in await installation.check()}
    assert found[name]
    assert not any(EARLY in each for each in found[name])


@pytest.mark.parametrize(("fault", "name", "said"), CODE_FAULTS)
async def test_each_fault_of_the_code_is_noticed(
    installation: Installation,
    monkeypatch: Patch,
    fault: Callable[[Patch], None],
    name: str,
    said: str,
) -> None:
    await installation.found()
    fault(monkeypatch)
    found = {check.name: check.faults for check in await installation.check()}
    assert any(said in each for each in found[name])


async def test_what_staff_did_makes_no_organization(installation: Installation) -> None:
    await installation.found()
    for tenant in (PLATFORM, installation.tenants[0]):
        await insert_event(installation.admin, tenant, "Ticket 4711")
    checks = await installation.check()
    assert {check.name: check.faults for check in checks} == dict.fromkeys(FAULTS, ())


async def test_without_two_organizations_nothing_is_claimed(installation: Installation) -> None:
    (check,) = await installation.check()
    assert check.state is CheckState.SKIPPED
    assert check.skipped == "no table has rows of two organizations"
