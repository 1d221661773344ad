"""What every test of identity stands on: its database, the application, people of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from argon2 import PasswordHasher
from cryptography.fernet import Fernet
from fastapi import FastAPI

from app.core.settings import IdentitySettings
from app.main import create_app
from app.worker import worker_of
from shared_lib.ids import uuid7
from shared_lib.tenancy import ServiceApp
from shared_lib.testing.postgres import Cluster
from tests.core_receiver import CoreReceiver, eventually

# Shown here, too, where tests look for them.
__all__ = ["CoreReceiver", "eventually"]

PASSWORD = "correct horse battery staple"
CORE_SECRET = "s3cret of the core: 100% +plus &c"
ENCRYPTION_KEY = Fernet.generate_key().decode()
ARGON2 = {"argon2_memory_kib": 64, "argon2_iterations": 1}
HASH = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)


@dataclass(frozen=True)
class Organization:
    id: UUID
    slug: str
    name: str


@dataclass(frozen=True)
class Person:
    id: UUID
    email: str
    password: str = PASSWORD


@dataclass(frozen=True)
class Identity:
    """The running service, and the administrator's view of its database."""

    app: ServiceApp
    client: httpx.AsyncClient
    admin: asyncpg.Connection
    settings: IdentitySettings

    async def token(self, **form: str) -> httpx.Response:
        """One form to the token endpoint."""
        return await self.client.post("/token", data=form)

    async def sign_in(self, person: Person, **form: str) -> dict[str, Any]:
        """A successful sign-in."""
        response = await self.token(username=person.email, password=person.password, **form)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def refresh(self, refresh_token: str, **form: str) -> httpx.Response:
        return await self.token(grant_type="refresh_token", refresh_token=refresh_token, **form)

    async def make_organization(self, status: str = "active") -> Organization:
        identifier = uuid7()
        made = Organization(identifier, f"org-{identifier.hex}", f"Org {identifier.hex[-4:]}")
        await self.admin.execute(
            "INSERT INTO tenants VALUES ($1, $2, $3, $4, 1)", made.id, made.slug, made.name, status
        )
        return made

    async def make_person(
        self,
        *,
        verified: bool = True,
        active: bool = True,
        platform_role: str | None = None,
        password_hash: str | None = HASH,
        email: str | None = None,
    ) -> Person:
        identifier = uuid7()
        person = Person(identifier, email or f"Person-{identifier.hex}@Example.com")
        await self.admin.execute(
            "INSERT INTO people (id, email, name, platform_role, verified_at, active, created_at,"
            " updated_at) VALUES ($1, $2, 'Test Person', $3, CASE WHEN $4 THEN now() END, $5,"
            " now(), now())",
            person.id,
            person.email,
            platform_role,
            verified,
            active,
        )
        if password_hash is not None:
            await self.admin.execute(
                "INSERT INTO credentials VALUES ($1, $2, now())", person.id, password_hash
            )
        return person

    async def join(
        self, person: Person, organization: Organization, role: str = "standard"
    ) -> None:
        await self.admin.execute(
            "INSERT INTO memberships (tenant_id, person_id, role, created_at, updated_at)"
            " VALUES ($1, $2, $3, clock_timestamp(), now())",
            organization.id,
            person.id,
            role,
        )

    async def make_member(
        self, role: str = "standard", **person: Any
    ) -> tuple[Person, Organization]:
        organization = await self.make_organization()
        made = await self.make_person(**person)
        await self.join(made, organization, role)
        return made, organization


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def make_settings(
    cluster: Cluster, database: str, core_url: str, **changes: Any
) -> IdentitySettings:
    values: dict[str, Any] = {
        "environment": "development",
        "issuer": "https://identity.example.com",
        "core_url": core_url,
        "core_client_secret": CORE_SECRET,
        "encryption_key": ENCRYPTION_KEY,
        "allowed_origins": ("http://localhost:3000",),
        "database_pool_size": 4,
        "revocation_probe_seconds": 3600,
        # All tests have one client address.
        **dict.fromkeys(
            ("mail_limit_address", "sign_in_limit_address", "rate_limit_address"), "off"
        ),
        **ARGON2,
    }
    urls = {
        f"{role}_database_url": cluster.url(database, f"identity_{role}")
        for role in ("app", "auth", "platform", "worker")
    }
    return IdentitySettings(**{**values, **urls, **changes})


@asynccontextmanager
async def running(settings: IdentitySettings) -> AsyncIterator[ServiceApp]:
    """The application of `settings`, started."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@asynccontextmanager
async def working(settings: IdentitySettings) -> AsyncIterator[None]:
    """A worker of `settings`, at work."""
    stop = asyncio.Event()
    async with worker_of(settings) as worker, asyncio.TaskGroup() as tasks:
        tasks.create_task(worker.run(stop))
        try:
            yield
        finally:
            stop.set()


@asynccontextmanager
async def client_of(app: FastAPI, peer: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(peer, 40000))
    async with httpx.AsyncClient(transport=transport, base_url="http://identity") as opened:
        yield opened


@pytest.fixture(scope="session")
def core() -> Iterator[CoreReceiver]:
    receiver = CoreReceiver()
    with receiver.listening():
        yield receiver


@pytest.fixture(scope="session")
def settings(
    cluster: Cluster, database_name: str, core: CoreReceiver, tmp_path_factory: Any
) -> IdentitySettings:
    mail = tmp_path_factory.mktemp("mail")
    return make_settings(cluster, database_name, core.url, mail_directory=mail)


@pytest.fixture(scope="session")
async def admin(cluster: Cluster, database_name: str) -> AsyncIterator[asyncpg.Connection]:
    """The superuser, for arranging and for looking behind the grants."""
    connection = await asyncpg.connect(cluster.admin_url(database_name))
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def identity(
    settings: IdentitySettings, admin: asyncpg.Connection
) -> AsyncIterator[Identity]:
    async with running(settings) as app, client_of(app) as client, working(settings):
        yield Identity(app, client, admin, settings)


@pytest.fixture
async def undone(identity: Identity) -> AsyncIterator[Identity]:
    """The administrator in a transaction that is rolled back."""
    transaction = identity.admin.transaction()
    await transaction.start()
    yield identity
    await transaction.rollback()


@pytest.fixture
async def own_database(cluster: Cluster) -> AsyncIterator[str]:
    """A migrated database that a test may spoil."""
    async with cluster.clone() as name:
        yield name
