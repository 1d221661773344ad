"""The identity service: tokens by refresh and by client credentials, its keys, signing in."""

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

import httpx
from argon2 import PasswordHasher

from bench.machine import seconds_on_processor
from bench.plan import Plan
from bench.rounds import in_turn, ratio
from tests.people import PASSWORD, Caller, create_account, sign_in
from tests.system import ServiceProcess, System

# OWASP's parameters, which are the service's defaults.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_SIGNING_IN = 8
_STORM_SECONDS = 3.0
_OWNER = "owner@acme.example.com"


def measure(system: System, plan: Plan) -> dict[str, Any]:
    """Everything about identity, and what a storm of sign-ins does to other routes."""
    return {
        "tokens": _tokens(system, plan),
        "sign_in": _sign_in(system, plan),
        "storm": _storm(system, plan),
    }


def _tokens(system: System, plan: Plan) -> dict[str, Any]:
    """One client that asks one thing after the other."""
    owner = sign_in(system, _OWNER)
    account = create_account(owner)
    spent = [owner.refresh_token]

    def refresh() -> httpx.Response:
        form = {"grant_type": "refresh_token", "refresh_token": spent[0]}
        answer = system.client.post(f"{system.identity.url}/token", data=form)
        spent[0] = answer.json()["refresh_token"]
        return answer

    asked: dict[str, Callable[[], httpx.Response]] = {
        "jwks": lambda: system.client.get(f"{system.identity.url}/.well-known/jwks.json"),
        "client_credentials": account.ask,
        "refresh": refresh,
    }
    measures = {
        name: partial(_asked, system.identity, ask, plan.identity_requests)
        for name, ask in asked.items()
    }
    return {
        name: {
            "server": round(statistics.median(each[0] for each in taken), 1),
            "p50": round(statistics.median(each[1] for each in taken), 1),
        }
        for name, taken in in_turn(measures, plan.identity_rounds).items()
    }


def _asked(
    service: ServiceProcess, ask: Callable[[], httpx.Response], requests: int
) -> tuple[float, float]:
    """The service's microseconds per request, and the median of how long each took."""
    times = []
    served = seconds_on_processor(service.pid)
    for _ in range(requests):
        before = time.perf_counter()
        ask().raise_for_status()
        times.append(time.perf_counter() - before)
    served = seconds_on_processor(service.pid) - served
    return served / requests * 1e6, statistics.median(times) * 1e6


def _sign_in(system: System, plan: Plan) -> dict[str, Any]:
    """Sign-ins per second against bare Argon2id verifications, with as many threads."""
    stored = _HASHER.hash(PASSWORD)
    threads = os.cpu_count() or 1
    measures = {
        "argon2id": lambda: _rate(lambda: _HASHER.verify(stored, PASSWORD), threads),
        "sign_ins": lambda: _rate(_signing_in(system), _SIGNING_IN),
    }
    found = in_turn(measures, plan.identity_rounds)
    return {
        "threads": threads,
        "argon2id": round(statistics.median(found["argon2id"]), 1),
        "sign_ins": round(statistics.median(found["sign_ins"]), 1),
        "ratio": vars(ratio(found["sign_ins"], found["argon2id"])),
    }


def _rate(work: Callable[[], object], threads: int) -> float:
    """How often a second `work` ends, done by so many threads."""
    until = time.monotonic() + _STORM_SECONDS

    def repeat() -> int:
        for done in count():
            if time.monotonic() > until:
                return done
            work()
        return 0

    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(lambda _: repeat(), range(threads)))
    return done / (time.monotonic() - began)


def _signing_in(system: System) -> Callable[[], httpx.Response]:
    client = httpx.Client(timeout=60)
    form = {"username": _OWNER, "password": PASSWORD}

    def once() -> httpx.Response:
        return client.post(f"{system.identity.url}/token", data=form).raise_for_status()

    return once


def _storm(system: System, plan: Plan) -> dict[str, Any]:
    """p50 and p99 of other routes, by one client, calm and while others sign in."""
    owner = sign_in(system, _OWNER)
    routes: dict[str, Callable[[], httpx.Response]] = {
        "core list": lambda: owner.core("GET", "/popups?cursor=&limit=20"),
        "identity me": lambda: owner.identity("GET", "/me"),
        "identity jwks": lambda: _jwks(owner),
    }
    found: dict[str, Any] = {}
    for name, ask in routes.items():

        def calm(ask: Callable[[], httpx.Response] = ask) -> tuple[float, float]:
            return _percentiles(ask)

        def stormy(ask: Callable[[], httpx.Response] = ask) -> tuple[float, float]:
            with _signing_in_meanwhile(system):
                return _percentiles(ask)

        taken = in_turn({"calm": calm, "storm": stormy}, plan.identity_rounds)
        found[name] = {
            when: {
                "p50": round(statistics.median(each[0] for each in values), 2),
                "p99": round(statistics.median(each[1] for each in values), 2),
            }
            for when, values in taken.items()
        }
    return found


def _jwks(owner: Caller) -> httpx.Response:
    return owner.system.client.get(f"{owner.system.identity.url}/.well-known/jwks.json")


def _percentiles(ask: Callable[[], httpx.Response]) -> tuple[float, float]:
    """Milliseconds: the median and the 99th percentile of what was asked in a short time."""
    times, until = [], time.monotonic() + _STORM_SECONDS
    while time.monotonic() < until:
        before = time.perf_counter()
        ask().raise_for_status()
        times.append((time.perf_counter() - before) * 1e3)
    times.sort()
    return statistics.median(times), times[int(len(times) * 0.99)]


@contextmanager
def _signing_in_meanwhile(system: System) -> Iterator[None]:
    ended = threading.Event()
    once = _signing_in(system)

    def storm() -> None:
        while not ended.is_set():
            once()

    with ThreadPoolExecutor(_SIGNING_IN) as pool:
        storms = [pool.submit(storm) for _ in range(_SIGNING_IN)]
        try:
            yield
        finally:
            ended.set()
    for each in storms:
        each.result()
