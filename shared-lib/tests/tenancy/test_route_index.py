"""The index answers as the router does: two copies of one application, one of them without it."""

from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Annotated, Any, ClassVar
from uuid import UUID

import httpx
import pytest
from fastapi import (
    APIRouter,
    Cookie,
    Depends,
    Form,
    Header,
    HTTPException,
    Query,
    Request,
    Response,
    UploadFile,
    WebSocket,
)
from pydantic import BaseModel, ConfigDict
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from structlog.testing import capture_logs
from typing_extensions import override

from shared_lib.errors import NotFound
from shared_lib.settings import ServiceSettings
from shared_lib.tenancy import (
    Access,
    Guard,
    OperationRoute,
    Runtime,
    Scope,
    ServiceApp,
)
from shared_lib.tenancy._direct import Handler
from shared_lib.tenancy._index import _Direct
from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import CORE_AUDIENCE, TokenVerifier
from shared_lib.web import Json, install_middleware

PUBLIC = Depends(Guard(Access(Scope.PUBLIC, transactions="none")))
ID = "018f0000-0000-7000-8000-000000000001"


class SampleSettings(ServiceSettings):
    service_prefix: ClassVar[str] = "SAMPLE_"


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    size: int = 1


class Unknown(Exception):
    """What only the application's own handler knows."""


FAILURES: dict[str, Exception] = {
    "http": HTTPException(418, "short and stout"),
    "ours": NotFound(),
    "handled": Unknown(),
    "fault": RuntimeError("nobody knows this one"),
}


async def handle_unknown(request: Request, _error: Exception) -> Response:
    return PlainTextResponse(f"handled {await request.body()!r}", 409)


class Counter:
    """How often a dependency is called in one request."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, request: Request) -> int:
        self.calls = request.scope["state"]["calls"] = request.scope["state"].get("calls", 0) + 1
        return self.calls


counted = Counter()


async def page(
    skip: Annotated[int | None, Query(ge=0)] = None,
    tag: Annotated[list[str] | None, Query()] = None,
) -> dict[str, Any]:
    return {"skip": skip, "tag": tag}


async def nested(
    this: Annotated[int, Depends(counted)], page: Annotated[Any, Depends(page)]
) -> Any:
    return {"this": this, "page": page}


async def teardown() -> AsyncIterator[str]:
    yield "generated"


def in_a_thread() -> str:
    return "threaded"


def things() -> APIRouter:
    router = APIRouter(prefix="/things", dependencies=[PUBLIC])

    @router.get("/newest")
    async def newest() -> Response:
        return Json("newest")

    @router.get("/{thing_id}")
    async def get_thing(thing_id: UUID, page: Annotated[Any, Depends(page)]) -> Response:
        return Json({"id": thing_id, "page": page})

    @router.get("/late")
    async def late() -> Response:
        return Json("never reached: the one before takes every name")

    @router.post("", status_code=201)
    async def create_thing(thing: Thing) -> Response:
        return Json(thing.model_dump(), status_code=201)

    @router.put("/{thing_id}/parts/{part}")
    async def put_part(thing_id: UUID, part: int, first: Thing, second: Thing) -> Json:
        return Json([thing_id, part, first.model_dump(), second.model_dump()])

    @router.get("/{thing_id}/seen")
    async def seen(
        thing_id: str,
        request: Request,
        x_tag: Annotated[list[str], Header()],
        again: Annotated[int, Depends(counted)],
        fresh: Annotated[int, Depends(counted, use_cache=False)],
        deep: Annotated[Any, Depends(nested)],
        crumb: Annotated[str, Cookie()] = "none",
    ) -> Response:
        seen = [request.url.path, thing_id, x_tag, again, fresh, deep, crumb]
        return Json([*seen, request.scope["path_params"]])

    @router.get("/failing/{how}")
    async def fail(how: str) -> Response:
        raise FAILURES[how]

    @router.post("/failing/{how}")
    async def fail_with_body(how: str, _thing: Thing) -> Response:
        raise FAILURES[how]

    return router


class OfficeOnly(Guard):
    """A guard that asks for more than the token."""

    @override
    async def __call__(self, request: Request, x_office: Annotated[str, Header()] = "no") -> Any:
        if x_office != "yes":
            raise NotFound
        return await super().__call__(request)


class Checked(OperationRoute):
    """A route class of somebody else's, with a check around each handler."""

    @override
    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def check(request: Request) -> Response:
            if "x-office" not in request.headers:
                raise NotFound
            return await handler(request)

        return check


class Elsewhere(OperationRoute):
    """A route class that answers for itself."""

    @override
    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("elsewhere")(scope, receive, send)


def own_rules() -> APIRouter:
    """Routes around which stands more than their declarations."""
    router = APIRouter(prefix="/own")
    office = Depends(OfficeOnly(Access(Scope.PUBLIC, transactions="none")))
    router.get("/guarded/{name}", name="guarded", dependencies=[office])(behind)
    limited = APIRouter(dependencies=[PUBLIC])
    limited.post("/by-route", max_body_size=20)(take)
    limited.post("/by-inclusion", name="by_inclusion")(take)
    router.include_router(limited, max_body_size=30)
    checked = APIRouter(route_class=Checked, dependencies=[PUBLIC])
    checked.get("/checked/{name}", name="checked")(behind)
    router.include_router(checked)
    elsewhere = APIRouter(route_class=Elsewhere, dependencies=[PUBLIC])
    elsewhere.get("/elsewhere")(no_name)
    router.include_router(elsewhere)
    changed = APIRouter(dependencies=[PUBLIC])
    changed.get("/changed/{name}", name="changed")(behind)
    changed.routes[0].get_route_handler = refused  # type: ignore[attr-defined]
    router.include_router(changed)
    return router


def refused() -> Handler:
    async def refuse(_request: Request) -> Response:
        raise NotFound

    return refuse


async def take(thing: Thing) -> Response:
    return Json(thing.model_dump())


async def no_name() -> Response:
    return Json("never reached")


def general() -> APIRouter:
    """Shapes that FastAPI itself must serve."""
    router = APIRouter(prefix="/general", dependencies=[PUBLIC])

    @router.get("/model/{name}")
    async def model(name: str) -> Thing:
        return Thing(name=name)

    @router.get("/generator")
    async def generator(value: Annotated[str, Depends(teardown)]) -> Response:
        return Json(value)

    @router.get("/thread")
    async def thread(value: Annotated[str, Depends(in_a_thread)]) -> Response:
        return Json(value)

    @router.get("/header")
    async def header(response: Response) -> Response:
        response.headers["x-set"] = "yes"
        return Json("header")

    @router.get("/number/{number:int}")
    async def number(number: int) -> Response:
        return Json(number)

    @router.get("/rest/{rest:path}")
    async def rest(rest: str) -> Response:
        return Json(rest)

    @router.get("/rest/after")
    async def after() -> Response:
        return Json("never reached")

    @router.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()

    return router


def forms() -> APIRouter:
    router = APIRouter(prefix="/general", dependencies=[PUBLIC])

    @router.post("/form")
    async def form(name: Annotated[str, Form()]) -> Response:
        return Json(name)

    @router.post("/form/{name}")
    async def named_form(name: str, text: Annotated[str, Form()]) -> Response:
        return Json([name, text])

    @router.post("/files/{name}")
    async def file(name: str, file: UploadFile) -> Response:
        return Json([name, (await file.read()).decode()])

    return router


async def plain(_request: Request) -> Response:
    return PlainTextResponse("plain")


def sample() -> ServiceApp:
    app = ServiceApp()
    app.state.runtime = Runtime({}, lambda _operation, _token: "")
    issuer = TokenIssuer()
    verifier = TokenVerifier(issuer=issuer.issuer, keys=issuer.keys, audience=CORE_AUDIENCE)
    app.router.routes.append(Route("/plain", plain))
    outer = APIRouter(prefix="/nested")
    outer.include_router(
        things(), prefix="/deeper", generate_unique_id_function=lambda route: f"deep_{route.name}"
    )
    app.include_router(things(), prefix="/api")
    app.include_router(outer)
    app.include_router(own_rules())
    app.include_router(forms())
    app.include_router(general())
    app.router.routes.append(Mount("/mount", routes=[Route("/inside", plain)]))
    app.get("/behind/{name}", dependencies=[PUBLIC])(behind)
    app.add_exception_handler(Unknown, handle_unknown)
    install_middleware(
        app,
        SampleSettings(issuer=issuer.issuer),
        verifier,
        lambda _scope: True,
        ContextVar("tenant", default=None),
    )
    return app


async def behind(name: str) -> Response:
    return Json(name)


REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/plain", {}),
    ("HEAD", "/plain", {}),
    *(
        (method, f"{prefix}/things{path}", options)
        for prefix in ("/api", "/nested/deeper")
        for method, path, options in (
            ("GET", "/newest", {}),
            ("GET", "/newest%0a", {}),
            ("GET", "/late", {}),
            ("GET", f"/{ID}", {}),
            ("GET", f"/{ID}/", {}),
            ("GET", f"/{ID}%0a", {}),
            ("GET", f"/{ID}%2f", {}),
            ("GET", f"/{ID}?skip=3&tag=a&tag=b", {}),
            ("GET", f"/{ID}?skip=-3", {}),
            ("GET", "/nothing?skip=x", {}),
            ("DELETE", f"/{ID}", {}),
            ("HEAD", f"/{ID}", {}),
            ("OPTIONS", f"/{ID}", {}),
            ("GET", "", {}),
            ("POST", "", {"json": {"name": "One"}}),
            ("POST", "", {"json": {"name": "One", "size": "x", "more": 1}}),
            ("POST", "", {"json": []}),
            ("POST", "", {"json": None}),
            ("POST", "", {}),
            ("POST", "", {"content": b"{", "headers": {"content-type": "application/json"}}),
            ("POST", "", {"content": b"\xff", "headers": {"content-type": "application/json"}}),
            ("POST", "", {"content": b"", "headers": {"content-type": "application/json"}}),
            ("POST", "", {"content": b"[" * 9999, "headers": {"content-type": "application/json"}}),
            ("POST", "", {"content": b'{"name":"a"}', "headers": {"content-type": "text/plain"}}),
            ("POST", "", {"content": b'{"name":"a"}'}),
            (
                "POST",
                "",
                {
                    "content": b'{"name":"a"}',
                    "headers": {"content-type": "Application/Problem+JSON; charset=utf-8"},
                },
            ),
            ("PUT", f"/{ID}/parts/4", {"json": {"first": {"name": "a"}, "second": {"name": "b"}}}),
            ("PUT", "/no/parts/x", {"json": {"first": {"name": "a"}}}),
            (
                "GET",
                f"/{ID}/seen",
                {"headers": [("x-tag", "a"), ("x-tag", "b"), ("cookie", "crumb=1")]},
            ),
            ("GET", f"/{ID}/seen?skip=x", {}),
            ("GET", "/failing/http", {}),
            ("GET", "/failing/ours", {}),
            ("GET", "/failing/handled", {}),
            ("GET", "/failing/fault", {}),
            ("POST", "/failing/http", {"json": {"name": "One"}}),
            ("POST", "/failing/ours", {"json": {"name": "One"}}),
            ("POST", "/failing/handled", {"json": {"name": "One"}}),
            ("POST", "/failing/fault", {"json": {"name": "One"}}),
        )
    ),
    ("GET", "/general/model/one", {}),
    ("GET", "/general/generator", {}),
    ("GET", "/general/thread", {}),
    ("GET", "/general/header", {}),
    ("POST", "/general/form", {"data": {"name": "One"}}),
    ("POST", "/general/form/one", {"data": {"text": "two"}}),
    ("POST", "/general/files/one", {"files": {"file": b"two"}}),
    ("GET", "/general/number/12", {}),
    ("GET", "/general/number/x", {}),
    ("GET", "/general/rest/a/b/c", {}),
    ("GET", "/general/rest/after", {}),
    ("GET", "/general/socket", {}),
    ("GET", "/own/guarded/one", {}),
    ("GET", "/own/guarded/one", {"headers": {"x-office": "yes"}}),
    ("GET", "/own/checked/one", {}),
    ("GET", "/own/checked/one", {"headers": {"x-office": "yes"}}),
    ("GET", "/own/elsewhere", {}),
    ("GET", "/own/changed/one", {}),
    ("POST", "/own/by-route", {"json": {"name": "a"}}),
    ("POST", "/own/by-route", {"json": {"name": "a" * 13}}),
    ("POST", "/own/by-inclusion", {"json": {"name": "a" * 13}}),
    ("POST", "/own/by-inclusion", {"json": {"name": "a" * 40}}),
    ("GET", "/mount/inside", {}),
    ("GET", "/mount/nothing", {}),
    ("GET", "/behind/one", {}),
    ("GET", "/", {}),
    ("GET", "/nothing", {}),
]


@pytest.fixture(scope="module")
def apps() -> tuple[ServiceApp, ServiceApp]:
    indexed = sample()
    indexed.index_routes()
    return sample(), indexed


async def ask(app: ServiceApp, method: str, url: str, options: dict[str, Any]) -> Any:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sample") as client:
        headers = httpx.Headers(options.get("headers"))
        headers["x-request-id"] = ID
        with capture_logs():  # structlog's own rendering of a traceback takes seconds
            answer = await client.request(method, url, **{**options, "headers": headers})
    return answer.status_code, sorted(answer.headers.multi_items()), answer.text


@pytest.mark.parametrize(
    ("method", "url", "options"), REQUESTS, ids=[" ".join(each[:2]) for each in REQUESTS]
)
async def test_an_answer_is_the_routers(
    apps: tuple[ServiceApp, ServiceApp], method: str, url: str, options: dict[str, Any]
) -> None:
    plain, indexed = apps
    assert await ask(indexed, method, url, options) == await ask(plain, method, url, options)


def test_what_is_found_and_what_is_left_to_the_router(apps: tuple[ServiceApp, ServiceApp]) -> None:
    index = apps[1]

    def found(method: str, path: str) -> Any:
        entry = index.find(method, path)
        return entry and (type(entry[0]) is _Direct, entry[1]["path_params"])

    assert found("GET", "/api/things/newest") == (True, {})
    assert found("GET", f"/api/things/{ID}") == (True, {"thing_id": ID})
    assert found("PUT", "/nested/deeper/things/a/parts/b") == (True, {"thing_id": "a", "part": "b"})
    assert found("GET", f"/api/things/{ID}/seen") == (True, {"thing_id": ID})
    assert found("GET", "/api/things/failing/ours") == (True, {"how": "ours"})
    assert found("GET", "/general/model/one") == (False, {"name": "one"})
    assert found("GET", "/general/generator") == (False, {})
    assert found("GET", "/general/number/12") == (True, {"number": 12})
    left = ["/plain", "/general/rest/after", "/behind/one", "/mount/inside", "/nothing"]
    assert [found("GET", path) for path in left] == [None] * len(left)
    assert found("POST", "/general/form") is None
    assert found("POST", "/general/form/one") is None
    assert found("GET", "/own/guarded/one") == (True, {"name": "one"})
    assert found("GET", "/own/checked/one") == (False, {"name": "one"})
    assert found("GET", "/own/elsewhere") is None
    assert found("POST", "/own/by-route") == (False, {})
    assert found("POST", "/own/by-inclusion") == (False, {})
    assert found("DELETE", f"/api/things/{ID}") is None


@pytest.mark.parametrize(
    ("method", "path", "options", "refused"),
    [
        ("GET", "/own/guarded/one", {}, 404),
        ("GET", "/own/checked/one", {}, 404),
        ("GET", "/own/changed/one", {}, 404),
        ("POST", "/own/by-route", {"json": {"name": "a" * 13}}, 413),
        ("POST", "/own/by-inclusion", {"json": {"name": "a" * 40}}, 413),
    ],
)
async def test_what_stands_around_an_operation_is_asked(
    apps: tuple[ServiceApp, ServiceApp],
    method: str,
    path: str,
    options: dict[str, Any],
    refused: int,
) -> None:
    assert (await ask(apps[1], method, path, options))[0] == refused


async def test_overrides_of_dependencies_count() -> None:
    app = sample()
    app.index_routes()
    app.dependency_overrides[page] = in_a_thread
    status, _, text = await ask(app, "GET", f"/api/things/{ID}", {})
    assert (status, text) == (200, f'{{"id":"{ID}","page":"threaded"}}')


async def test_a_route_that_is_added_later_is_found() -> None:
    app = sample()
    app.index_routes()
    app.get("/later", dependencies=[PUBLIC])(behind)
    assert (await ask(app, "GET", "/later?name=x", {}))[0] == 200


async def test_a_route_that_decides_itself_what_it_matches_ends_the_index() -> None:
    class Wide(OperationRoute):
        @override
        def matches(self, scope: Any) -> Any:
            return super().matches({**scope, "path": scope["path"][:5]})

    wide, narrow = APIRouter(route_class=Wide), APIRouter()
    wide.get("/wide", dependencies=[PUBLIC], name="wide")(no_name)
    narrow.get("/wide/two", dependencies=[PUBLIC], name="narrow")(no_name)
    app = ServiceApp()
    app.include_router(wide)
    app.include_router(narrow)
    app.index_routes()
    assert app.find("GET", "/wide/two") is None
    assert app.find("GET", "/wide") is None


async def test_a_router_keeps_its_own_class_for_routes_that_come_later() -> None:
    router = APIRouter(route_class=Checked, dependencies=[PUBLIC])
    app = sample()
    app.include_router(router)
    router.get("/late/{name}", name="late_one")(behind)
    assert (await ask(app, "GET", "/late/one", {}))[0] == 404


async def test_a_promise_of_a_response_is_kept() -> None:
    async def broken() -> Response:
        return "text"  # type: ignore[return-value]

    router = APIRouter()
    router.get("/broken", dependencies=[PUBLIC])(broken)
    app = sample()
    app.router.routes.clear()
    app.include_router(router)
    app.index_routes()
    assert (await ask(app, "GET", "/broken", {}))[0] == 500
