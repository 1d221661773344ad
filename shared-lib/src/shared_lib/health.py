"""Whether a service lives, and whether it can serve."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

import structlog
from fastapi import APIRouter

from shared_lib.web import Json

Check = Callable[[], Awaitable[object]]
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
    """Whether requests can be served, and what each check found."""

    status: Literal["ready", "unavailable"]
    checks: dict[str, CheckResult]


def health_router(
    checks: Mapping[str, Check], *, dependencies: Sequence[Any] = (), seconds: float = 2.0
) -> APIRouter:
    """`GET /health/live` (200) and `GET /health/ready` (200, or 503 when a check fails).

    A check fails by raising or by taking longer than `seconds`; all run at once.
    `dependencies` declare access. Neither answer says anything but names and statuses.
    """
    router = APIRouter(prefix="/health", tags=["health"], dependencies=list(dependencies))

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
        results = await asyncio.gather(
            *(_run(name, check, seconds) for name, check in checks.items())
        )
        found = dict(zip(checks, results, strict=True))
        if all(result.status == "ok" for result in results):
            return Json(Readiness("ready", found))
        return Json(Readiness("unavailable", found), HTTPStatus.SERVICE_UNAVAILABLE)

    return router


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
