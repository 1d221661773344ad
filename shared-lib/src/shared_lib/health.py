"""Whether a service lives, and whether it can serve."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

import structlog
from fastapi import APIRouter

from shared_lib.web import Json

Check = Callable[[], Awaitable[object]]
Detail = Callable[[], Awaitable[dict[str, Any]]]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Live:
    """The process answers."""

    status: Literal["ok"] = "ok"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found; why it failed is in the log only."""

    status: Literal["ok", "failed", "timeout"]


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests can be served, and what each check found.

    `degraded`: they can, and somebody should look; `details` say at what.
    """

    status: Literal["ready", "degraded", "unavailable"]
    checks: dict[str, CheckResult]
    details: dict[str, dict[str, Any]] = field(default_factory=dict)


def health_router(
    checks: Mapping[str, Check],
    *,
    details: Mapping[str, Detail] | None = None,
    dependencies: Sequence[Any] = (),
    seconds: float = 2.0,
    remembered: float = 2.0,
) -> APIRouter:
    """`GET /health/live` (200) and `GET /health/ready` (200, or 503 when a check fails).

    A check fails by raising or by taking longer than `seconds`; all run at once. `details` are
    asked when every check holds; each says, by `status`, `ok` or `degraded`, which keeps nobody
    from being served, and is remembered for so many seconds: anybody may ask, and what they read is
    dear. `dependencies` declare access. The answers are for anyone: names, statuses and figures.
    """
    router = APIRouter(prefix="/health", tags=["health"], dependencies=list(dependencies))
    given = (details or {}).items()
    asked = {name: _Remembered(name, detail, seconds, remembered) for name, detail in given}

    @router.get("/live", response_model=Live)
    async def live() -> Json:
        """Whether the process answers; nothing else is asked."""
        return Json(Live())

    @router.get(
        "/ready",
        response_model=Readiness,
        responses={HTTPStatus.SERVICE_UNAVAILABLE.value: {"model": Readiness}},
    )
    async def ready() -> Json:
        """Whether the service can do its work now."""
        found = await _run_all(checks, seconds)
        if any(result.status != "ok" for result in found.values()):
            return Json(Readiness("unavailable", found), HTTPStatus.SERVICE_UNAVAILABLE)
        told = {name: await detail.get() for name, detail in asked.items()}
        fine = all(each["status"] == "ok" for each in told.values())
        return Json(Readiness("ready" if fine else "degraded", found, told))

    return router


class _Remembered:
    """One detail, asked by one request at a time; those who wait get what that one was told."""

    def __init__(self, name: str, detail: Detail, seconds: float, remembered: float) -> None:
        self._name = name
        self._detail = detail
        self._seconds = seconds
        self._remembered = remembered
        self._asking = asyncio.Lock()
        self._good_until = float("-inf")
        self._told: dict[str, Any] = {}

    async def get(self) -> dict[str, Any]:
        """What the detail says, or has said lately."""
        async with self._asking:
            if time.monotonic() >= self._good_until:
                self._told = await _ask(self._name, self._detail, self._seconds)
                self._good_until = time.monotonic() + self._remembered
            return self._told


async def _run_all(checks: Mapping[str, Check], seconds: float) -> dict[str, CheckResult]:
    results = await asyncio.gather(*(_run(name, check, seconds) for name, check in checks.items()))
    return dict(zip(checks, results, strict=True))


async def _run(name: str, check: Check, seconds: float) -> CheckResult:
    try:
        async with asyncio.timeout(seconds):
            await check()
    except TimeoutError:
        _log.warning("health_check_timeout", check=name, seconds=seconds)
        return CheckResult("timeout")
    except Exception as error:  # noqa: BLE001  # whatever it is, the service is not ready
        # Asked every few seconds: a line each, no traceback.
        _log.warning("health_check_failed", check=name, error=type(error).__name__)
        return CheckResult("failed")
    return CheckResult("ok")


async def _ask(name: str, detail: Detail, seconds: float) -> dict[str, Any]:
    try:
        async with asyncio.timeout(seconds):
            return await detail()
    except Exception as error:  # noqa: BLE001  what cannot be told degrades nothing but itself
        _log.warning("health_detail_failed", detail=name, error=type(error).__name__)
        return {"status": "degraded"}
