"""The service as it is run: a process of its own, configured by its environment."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
from pydantic import SecretStr

from app.core.settings import IdentitySettings
from shared_lib.testing.postgres import Cluster
from tests.conftest import eventually, make_settings

SERVICE = Path(__file__).parents[2]
DATABASES = ("app", "auth", "platform", "worker")


def environment_of(settings: IdentitySettings) -> dict[str, str]:
    names = ["environment", "issuer", "core_url", "core_client_secret", "encryption_key"]
    names += [f"{role}_database_url" for role in DATABASES]
    values = {name: getattr(settings, name) for name in names}
    return {
        "PATH": os.defpath,
        **{
            f"IDENTITY_{name.upper()}": (
                value.get_secret_value() if isinstance(value, SecretStr) else value
            )
            for name, value in values.items()
        },
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def served(environment: dict[str, str]) -> AsyncIterator[tuple[subprocess.Popen[str], str]]:
    port = free_port()
    process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own service, which lives on
        [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(port)],
        cwd=SERVICE,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def test_the_application_is_built_when_a_server_asks_for_it_and_not_before() -> None:
    """Importing needs no setting; serving without settings fails and names what is missing."""
    check = "import app.main, sys; sys.exit('app' in vars(app.main))"
    imported = subprocess.run([sys.executable, "-c", check], cwd=SERVICE, env={}, check=False)  # noqa: S603
    assert imported.returncode == 0
    built = subprocess.run(
        [sys.executable, "-c", "from app.main import app"],
        cwd=SERVICE,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 1
    assert "IDENTITY_AUTH_DATABASE_URL" in built.stderr


async def test_it_serves_and_stops_when_it_is_asked_to(cluster: Cluster, own_database: str) -> None:
    settings = make_settings(cluster, own_database, "http://127.0.0.1:9")
    async with served(environment_of(settings)) as (process, url):
        async with httpx.AsyncClient(base_url=url) as client:

            async def ready() -> bool:
                assert process.poll() is None
                try:
                    return (await client.get("/health/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(ready, 30)
            assert len((await client.get("/.well-known/jwks.json")).json()["keys"]) == 2
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.to_thread(process.communicate)
        # Having shut down, the server ends by the signal that asked for it.
        assert process.returncode in (0, -signal.SIGTERM), output
        assert "Application shutdown complete" in output
        assert '"level":"error"' not in output
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    left = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND usename LIKE 'identity_%'"
    assert await admin.fetchval(left, own_database) == 0
    await admin.close()
