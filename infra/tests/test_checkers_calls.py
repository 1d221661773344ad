"""schemathesis: it fails on an application with faults, and on one that nobody can call."""

import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Annotated, Any
from uuid import UUID, uuid4

import pytest
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from infra.checkers.callers import Caller
from infra.checkers.findings import Accepted
from infra.checkers.programs import CheckerError
from infra.checkers.schemathesis import check
from infra.dev.ports import free_port

BEARER = HTTPBearer()
TOKENS = {"a-token": "alice", "b-token": "bob"}
PATIENCE = 60.0


def entry(name: str, token: str) -> dict[str, Any]:
    header = {"name": "Authorization", "value": f"Bearer {token}"}
    return {"name": name, "fixedHeaders": [header]}


ALICE = Caller("alice", [entry("alice", "a-token"), entry("bob", "b-token")], ("alice", "bob"))


def person(credentials: Annotated[HTTPAuthorizationCredentials, Depends(BEARER)]) -> str:
    if credentials.credentials not in TOKENS:
        raise HTTPException(401)
    return TOKENS[credentials.credentials]


class Popup(BaseModel):
    id: UUID
    name: str


class PopupCreate(BaseModel):
    name: str


def application(*, faulty: bool) -> FastAPI:
    """Popups of people; where it is faulty, anybody signed in reads them, and more goes wrong."""
    app = FastAPI()
    popups: dict[UUID, tuple[str, Popup]] = {}

    @app.post("/popups", status_code=201)
    def create_popup(body: PopupCreate, owner: Annotated[str, Depends(person)]) -> Popup:
        popup = Popup(id=uuid4(), name=body.name)
        popups[popup.id] = (owner, popup)
        return popup

    @app.get("/popups/{popup_id}", responses={404: {}, 401: {}})
    def get_popup(popup_id: UUID, caller: Annotated[str, Depends(person)]) -> Popup:
        owner, popup = popups.get(popup_id, ("", None))
        if popup is None or (owner != caller and not faulty):
            raise HTTPException(404)
        return popup

    if faulty:
        add_faults(app)
    return app


def add_faults(app: FastAPI) -> None:
    """A route that fails, and one that says it wants a token and takes none."""

    @app.get("/broken")
    def broken() -> None:
        raise HTTPException(500)

    @app.get("/open", openapi_extra={"security": [{"HTTPBearer": []}]})
    def unguarded() -> str:
        return "everybody"


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of the document of a running application."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}/openapi.json"
    finally:
        server.should_exit = True
        thread.join()


def test_faults_of_an_application_are_told() -> None:
    with served(application(faulty=True)) as url:
        found = check("core", url, ALICE, 1, Accepted())
    rules = {fault.partition(": ")[0] for fault in found.faults}
    assert {
        "ServerError at GET /broken",
        "IgnoredAuth at GET /open",
        "ObjectLevelAuthorizationViolation at GET /popups/{popup_id}",
    } <= rules


def test_a_caller_whom_nothing_answers_is_told() -> None:
    stranger = Caller("stranger", [entry("stranger", "none")], phases=("fuzzing",), examples=1)
    with served(application(faulty=False)) as url:
        faults = check("core", url, stranger, 1, Accepted()).faults
    assert "no operation answered with success: are the tokens good?" in faults


@pytest.mark.parametrize("detail", ["identity_unavailable", "database_unavailable"])
def test_object_level_authorization_has_a_second_try(detail: str) -> None:
    app = application(faulty=False)
    refused = count()

    @app.middleware("http")
    async def refuse_at_first(
        request: Request, answer: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if request.method == "POST" and next(refused) < 10:
            return JSONResponse({"detail": detail}, 503)
        return await answer(request)

    caller = replace(ALICE, phases=("fuzzing",), examples=1)
    with served(app) as url:
        found = check("core", url, caller, 1, Accepted())
    assert not any("object-level authorization" in fault for fault in found.faults)
    told = any(f"503 {detail}" in fault for fault in found.faults)
    assert told is (detail == "database_unavailable"), "the other one is for when identity is slow"
    assert "ServerError" not in "".join(found.faults)


def test_operations_that_are_not_there_are_told() -> None:
    lost = Caller("lost", options=("--include-path-regex", "^/nowhere"), phases=("fuzzing",))
    with (
        served(application(faulty=False)) as url,
        pytest.raises(CheckerError, match="No operations matched the filters"),
    ):
        check("core", url, lost, 1, Accepted())


@pytest.mark.parametrize("refused", [True, False])
def test_a_foreign_token_must_open_nothing(*, refused: bool) -> None:
    caller = Caller("alice", ALICE.entries, phases=("fuzzing",), examples=2, refused=refused)
    with served(application(faulty=False)) as url:
        faults = check("core", url, caller, 1, Accepted()).faults
    assert any("answered with success to a foreign token" in each for each in faults) is refused
