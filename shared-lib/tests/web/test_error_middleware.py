"""Faults of ours: one answer, one traceback, and nothing that the server could add."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import structlog
import uvicorn
from fastapi import FastAPI, HTTPException
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.testing import capture_logs

from shared_lib.errors import NotFound
from shared_lib.web import ErrorMiddleware, Json

from .conftest import Clients, Services

SECRET = "hunter2-correct-horse"


class Raising:
    """Middleware of a user's that fails."""

    def __init__(self, app: ASGIApp, error: Exception) -> None:
        self.app = app
        self.error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raise self.error
        await self.app(scope, receive, send)


def faulty(service: Callable[..., FastAPI], error: BaseException) -> FastAPI:
    app = service()

    @app.get("/public/raise")
    async def raising() -> Json:
        raise error

    return app


async def test_a_fault_is_logged_once_with_its_traceback(client: httpx.AsyncClient) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        response = await client.get("/public/fail/1")
    assert response.json() == {
        "type": "urn:phase-zero:error:internal_error",
        "title": "Something went wrong on our side",
        "status": 500,
        "detail": "internal_error",
        "request_id": response.headers["x-request-id"],
    }
    (fault,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert fault["event"] == "unhandled_error"
    assert fault["request_id"] == response.headers["x-request-id"]
    assert str(fault["exc_info"]) == "a fault of ours"
    assert fault["exc_info"].__traceback__ is not None


async def test_an_oserror_of_a_route_is_no_failure_of_the_database(
    service: Services, clients: Clients
) -> None:
    async with clients(faulty(service, FileNotFoundError("template.html"))) as client:
        with capture_logs() as logs:
            response = await client.get("/public/raise")
    assert response.json()["detail"] == "internal_error"
    assert [entry["event"] for entry in logs] == ["unhandled_error", "request"]


async def test_an_unforeseen_constraint_is_a_fault_whose_values_stay_out_of_the_log(
    service: Services, clients: Clients
) -> None:
    error = IntegrityError("INSERT", {"password": SECRET}, Exception("duplicate key"))
    async with clients(faulty(service, error)) as client:
        with capture_logs() as logs:
            response = await client.get("/public/raise")
    assert response.json()["detail"] == "internal_error"
    (fault,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert "duplicate key" in str(fault["exc_info"])
    assert SECRET not in str(fault["exc_info"])


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFound(), 404, "not_found"),
        (HTTPException(409, detail="slug_taken"), 409, "slug_taken"),
        (ConnectionError("from some library"), 500, "internal_error"),
    ],
)
async def test_errors_of_middleware_inside_are_answered_too(
    error: Exception, status: int, code: str
) -> None:
    async def unreachable(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError

    app = ErrorMiddleware(Raising(unreachable, error))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get("/")
    assert (response.status_code, response.json()["detail"]) == (status, code)


async def test_a_client_that_left_is_nobody_s_fault(service: Services) -> None:
    sent: list[Message] = []
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/public/raise",
        "headers": [],
        "query_string": b"",
        "client": None,
    }

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    with capture_logs() as logs:
        await faulty(service, ClientDisconnect())(scope, receive, send)
    assert sent == []
    assert [entry["event"] for entry in logs] == ["request"]


async def test_cancellation_is_answered_and_passes(service: Services) -> None:
    """A server that stops cancels what still runs, and would answer 500."""
    sent: list[Message] = []
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/public/raise",
        "headers": [],
        "query_string": b"",
        "client": None,
    }

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(asyncio.CancelledError):
        await faulty(service, asyncio.CancelledError())(scope, receive, send)
    assert sent[0]["status"] == 503
    assert dict(sent[0]["headers"])[b"retry-after"]
    assert b"outcome_unknown" in sent[1]["body"]


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """`app` in a real server, over TCP."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", access_log=False))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event to wait for
            await asyncio.sleep(0.01)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url) as client:
            yield client
    finally:
        server.should_exit = True
        await serving


def of_the_server(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [
        record
        for record in caplog.records
        if record.name.startswith("uvicorn") and record.levelno >= logging.ERROR
    ]


async def test_the_server_has_nothing_to_log(
    service: Services, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(service()) as client:
        with capture_logs() as logs:
            response = await client.get("/public/fail/1")
            again = await client.get("/public/tell")
    assert response.json()["detail"] == "internal_error"
    assert again.status_code == 200
    assert [entry["event"] for entry in logs if "exc_info" in entry] == ["unhandled_error"]
    assert of_the_server(caplog) == []


async def test_an_answer_that_has_begun_is_cut_off(
    service: Services, caplog: pytest.LogCaptureFixture
) -> None:
    app = service()

    @app.get("/public/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"one"
            raise RuntimeError("half way")

        return StreamingResponse(parts())

    async with served(app) as client:
        with capture_logs() as logs, pytest.raises(httpx.RemoteProtocolError):
            await client.get("/public/stream")
    faults = [entry for entry in logs if entry["log_level"] == "error"]
    assert [str(entry["exc_info"]) for entry in faults] == ["half way"]
    assert [record.exc_info for record in of_the_server(caplog)] == [None]


async def test_middleware_outside_of_ours_is_answered_and_logged_by_the_server_alone(
    service: Services, caplog: pytest.LogCaptureFixture
) -> None:
    app = service()
    app.add_middleware(Raising, error=RuntimeError("outside"))
    async with served(app) as client:
        with capture_logs() as logs:
            response = await client.get("/public/tell")
    assert response.status_code == 500
    assert response.json()["detail"] == "internal_error"
    assert "outside" not in response.text
    assert logs == []
    (record,) = of_the_server(caplog)
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "outside"


async def test_an_error_of_a_real_database_in_a_route(
    service: Services, clients: Clients, postgres_url: str
) -> None:
    engine = create_async_engine(postgres_url.replace("postgresql:", "postgresql+asyncpg:"))
    app = service()

    @app.get("/public/statement/{state}")
    async def statement(state: str) -> Json:
        raising = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"
        async with engine.connect() as connection:
            await connection.execute(text(raising))
        return Json(None)

    async with clients(app) as client:
        revoked = await client.get("/public/statement/PT401")
        unknown = await client.get("/public/statement/23505")
    await engine.dispose()
    assert (revoked.status_code, revoked.json()["detail"]) == (401, "token_revoked")
    assert (unknown.status_code, unknown.json()["detail"]) == (500, "internal_error")
