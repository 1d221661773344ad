"""Live and ready, with checks that fail, hang, and know secrets."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException
from structlog.testing import capture_logs

from shared_lib.health import Check, Detail, health_router

SECRET = "hunter2-correct-horse"


async def fine() -> None:
    await asyncio.sleep(0)


async def broken() -> None:
    raise ConnectionError(f"password {SECRET} was refused")


async def hanging() -> None:
    await asyncio.sleep(60)


async def get(path: str, checks: Mapping[str, Check], seconds: float = 2.0) -> httpx.Response:
    app = FastAPI()
    app.include_router(health_router(checks, seconds=seconds))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


async def test_live_asks_nothing() -> None:
    response = await get("/health/live", {"database": broken})
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_ready_when_every_check_is_fine() -> None:
    response = await get("/health/ready", {"database": fine, "keys": fine})
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "checks": {"database": {"status": "ok"}, "keys": {"status": "ok"}},
        "details": {},
    }


async def test_ready_without_checks() -> None:
    response = await get("/health/ready", {})
    assert (response.status_code, response.json()) == (
        200,
        {"status": "ready", "checks": {}, "details": {}},
    )


async def test_unavailable_names_what_failed_and_nothing_else() -> None:
    with capture_logs() as logs:
        response = await get(
            "/health/ready", {"keys": fine, "database": broken, "mail": hanging}, seconds=0.05
        )
    assert response.status_code == 503
    assert response.json() == {
        "status": "unavailable",
        "checks": {
            "keys": {"status": "ok"},
            "database": {"status": "failed"},
            "mail": {"status": "timeout"},
        },
        "details": {},
    }
    assert SECRET not in response.text
    assert {(entry["event"], entry["check"]) for entry in logs} == {
        ("health_check_failed", "database"),
        ("health_check_timeout", "mail"),
    }


async def test_checks_run_at_once() -> None:
    all_run = asyncio.Barrier(8)

    async def waits_for_the_others() -> None:
        await all_run.wait()

    response = await get("/health/ready", dict.fromkeys("abcdefgh", waits_for_the_others))
    assert response.status_code == 200


async def test_a_check_that_times_out_by_itself_counts_as_timeout() -> None:
    async def own() -> None:
        raise TimeoutError

    response = await get("/health/ready", {"own": own})
    assert response.json()["checks"] == {"own": {"status": "timeout"}}


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_access_is_declared_by_the_service(path: str) -> None:
    async def refuse() -> None:
        raise HTTPException(403)

    app = FastAPI()
    app.include_router(health_router({}, dependencies=[Depends(refuse)]))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get(path)).status_code == 403


async def test_both_answers_are_documented() -> None:
    app = FastAPI()
    app.include_router(health_router({}))
    responses = app.openapi()["paths"]["/health/ready"]["get"]["responses"]
    assert set(responses) == {"200", "503"}


async def details_of(**details: Detail) -> dict[str, Any]:
    app = FastAPI()
    app.include_router(health_router({}, details=details, seconds=0.05))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        response = await client.get("/health/ready")
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


async def test_details_that_somebody_should_look_at_keep_nobody_from_being_served() -> None:
    async def quiet() -> dict[str, Any]:
        return {"status": "ok", "waiting": 3}

    async def late() -> dict[str, Any]:
        return {"status": "degraded", "oldest_seconds": 400.0}

    assert (await details_of(jobs=quiet))["status"] == "ready"
    answer = await details_of(jobs=quiet, revocation=late)
    assert answer["status"] == "degraded"
    assert answer["details"] == {"jobs": await quiet(), "revocation": await late()}


async def test_a_detail_that_cannot_be_told_says_nothing_but_that() -> None:
    async def secret() -> dict[str, Any]:
        raise ValueError("postgresql://owner:password@host")

    async def hang() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    answer = await details_of(one=secret, other=hang)
    assert answer["details"] == {"one": {"status": "degraded"}, "other": {"status": "degraded"}}


@pytest.mark.parametrize(("remembered", "asked"), [(3600.0, 1), (0.0, 10)])
async def test_details_are_asked_by_one_request_at_a_time_and_remembered(
    remembered: float, asked: int
) -> None:
    running, most, count = 0, 0, 0

    async def dear() -> dict[str, Any]:
        nonlocal running, most, count
        count, running = count + 1, running + 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return {"status": "ok", "asked": count}

    app = FastAPI()
    app.include_router(health_router({}, details={"dear": dear}, remembered=remembered))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        answers = await asyncio.gather(*(client.get("/health/ready") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert max(answer.json()["details"]["dear"]["asked"] for answer in answers) == asked
    assert (count, most) == (asked, 1)
