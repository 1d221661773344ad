"""Named limits: what they let through, for whom, for how long; in memory and in a real Redis."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
import redis
from structlog.testing import capture_logs

from shared_lib.limits import RateLimiter
from shared_lib.limits._memory import ProcessMemory
from shared_lib.testing.redis import RedisServer, redis_server

LIMITS = {"few": "3/minute", "brief": "2/2 seconds", "many": "1000000/hour", "none": "off"}


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limiters that are made now wait for a Redis that is slow because the machine is."""
    monkeypatch.setattr("shared_lib.limits._shared._TIMEOUT", 10.0)


@asynccontextmanager
async def limiting(
    url: str = "", *, service: str = "tests", secret: bytes = b"secret"
) -> AsyncIterator[RateLimiter]:
    limiter = RateLimiter(LIMITS, service=service, secret=secret, redis_url=url)
    yield limiter
    await limiter.aclose()


@pytest.fixture(params=["memory", "redis"])
async def limiter(request: pytest.FixtureRequest, patient: None) -> AsyncIterator[RateLimiter]:
    url = ""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("server")
        redis.Redis(port=server.port).flushall()
        url = server.url
    async with limiting(url) as made:
        yield made


async def hits(limiter: RateLimiter, name: str, *key: str, times: int) -> list[bool]:
    """Whether each of so many hits was let through."""
    return [await limiter.hit(name, *key) == 0 for _ in range(times)]


async def test_so_many_and_no_more(limiter: RateLimiter) -> None:
    assert await hits(limiter, "few", "ann", times=5) == [True, True, True, False, False]
    assert await hits(limiter, "few", "bob", times=3) == [True, True, True]


async def test_who_is_refused_is_told_how_long(limiter: RateLimiter) -> None:
    await hits(limiter, "few", "ann", times=3)
    wait = await limiter.hit("few", "ann")
    assert 1 <= wait <= 60
    await hits(limiter, "brief", "ann", times=2)
    assert 1 <= await limiter.hit("brief", "ann") <= 2


async def test_a_window_ends(limiter: RateLimiter) -> None:
    await hits(limiter, "brief", "ann", times=2)
    deadline = time.monotonic() + 30
    while await limiter.hit("brief", "ann"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_many_at_once_are_counted_once_each(limiter: RateLimiter) -> None:
    waits = await asyncio.gather(*(limiter.hit("few", "ann") for _ in range(40)))
    assert sum(wait == 0 for wait in waits) == 3


async def test_what_is_given_back_may_be_done_again(limiter: RateLimiter) -> None:
    await hits(limiter, "few", "ann", times=3)
    await limiter.give_back("few", "ann")
    assert await hits(limiter, "few", "ann", times=2) == [True, False]


async def test_what_is_cleared_begins_anew(limiter: RateLimiter) -> None:
    await hits(limiter, "few", "ann", times=9)
    await limiter.clear("few", "ann")
    assert await hits(limiter, "few", "ann", times=4) == [True, True, True, False]


async def test_a_limit_that_is_off_counts_nothing(limiter: RateLimiter) -> None:
    assert all(await hits(limiter, "none", "ann", times=100))
    await limiter.give_back("none", "ann")
    await limiter.clear("none", "ann")


async def test_a_name_that_nobody_set_is_a_fault_of_ours(limiter: RateLimiter) -> None:
    with pytest.raises(KeyError):
        await limiter.hit("typo", "ann")


async def test_parts_of_a_key_do_not_run_together(limiter: RateLimiter) -> None:
    assert await hits(limiter, "few", "ab", "c", times=4) == [True, True, True, False]
    assert await hits(limiter, "few", "a", "bc", times=3) == [True, True, True]


@pytest.mark.usefixtures("patient")
async def test_keys_are_not_in_redis(server: RedisServer) -> None:
    client = redis.Redis(port=server.port, decode_responses=True)
    client.flushall()
    async with limiting(server.url) as limiter:
        await limiter.hit("many", "ann@example.com", "203.0.113.9")
    (key,) = client.keys("*")
    assert str(key).startswith("phase-zero:tests:")
    assert not any(part in str(key) for part in ("ann", "example", "203.0"))
    async with limiting(server.url, secret=b"other") as limiter:
        await limiter.hit("many", "ann@example.com", "203.0.113.9")
    assert len(client.keys("*")) == 2, "whoever lacks the secret cannot tell which key it is"


@pytest.mark.usefixtures("patient")
async def test_processes_count_together_and_services_apart(server: RedisServer) -> None:
    redis.Redis(port=server.port).flushall()
    async with (
        limiting(server.url) as one,
        limiting(server.url) as two,
        limiting(server.url, service="other") as other,
    ):
        assert await hits(one, "few", "ann", times=2) == [True, True]
        assert await hits(two, "few", "ann", times=2) == [True, False]
        assert await hits(other, "few", "ann", times=1) == [True]


@pytest.mark.usefixtures("patient")
async def test_an_outage_is_told_once_and_counted_in_memory() -> None:
    with redis_server() as own:
        async with limiting(own.url) as limiter:
            assert await hits(limiter, "few", "ann", times=2) == [True, True]
            own.stop()
            with capture_logs() as logs:
                during = await hits(limiter, "few", "ann", times=5)
            assert during == [True, True, True, False, False], "this process counts by itself"
            assert [(entry["event"], entry["log_level"]) for entry in logs] == [
                ("redis_unavailable", "warning")
            ]
            assert own.url not in str(logs)


@pytest.mark.usefixtures("patient")
async def test_redis_is_used_again_when_it_is_back() -> None:
    with redis_server() as own:
        async with limiting(own.url) as limiter:
            own.stop()
            await hits(limiter, "few", "ann", times=4)
            own.start()
            with capture_logs() as logs:
                await wait_for(
                    lambda: any(log["event"] == "redis_available" for log in logs), limiter
                )
            assert [log["event"] for log in logs] == ["redis_available"]
            assert redis.Redis(port=own.port).dbsize() == 1


async def wait_for(condition: Callable[[], bool], limiter: RateLimiter) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        await limiter.hit("many", "ann")
        await asyncio.sleep(0.05)


async def test_a_redis_that_hangs_delays_one_caller() -> None:
    """It takes connections and says nothing, as a stopped process does."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        async with limiting(url) as limiter:
            with capture_logs() as logs:
                assert await hits(limiter, "few", "ann", times=4) == [True, True, True, False]
            assert [log["event"] for log in logs] == ["redis_unavailable"]
            started = time.perf_counter()
            await hits(limiter, "many", "ann", times=100)
            memory_only = time.perf_counter() - started
            started = time.perf_counter()
            async with limiting(url) as fresh:
                await fresh.hit("many", "ann")
            assert memory_only < time.perf_counter() - started


async def test_memory_is_bounded_and_drops_what_ends_first() -> None:
    clock = [1000.0]
    memory = ProcessMemory(most=3, clock=lambda: clock[0])
    for key in ("a", "b", "c", "d"):
        assert await memory.incr(key, 60) == 1
        clock[0] += 1
    assert [await memory.get(key) for key in "abcd"] == [0, 1, 1, 1]
    assert await memory.get_expiry("b") == 1061
    clock[0] = 1062.5
    assert await memory.incr("e", 60) == 1
    assert await memory.reset() == 2, "what had ended made room for itself"


async def test_a_hit_costs_the_same_among_many_keys() -> None:
    """The storage of the library takes a hundred times as long here."""
    cheap, crowded = ProcessMemory(), ProcessMemory()
    for number in range(20_000):
        await crowded.incr(str(number), 3600)

    async def cost(memory: ProcessMemory) -> float:
        started = time.perf_counter()
        for _ in range(1000):
            await memory.incr("x", 3600)
        return time.perf_counter() - started

    alone = min([await cost(cheap) for _ in range(5)])
    among = min([await cost(crowded) for _ in range(5)])
    assert among < 20 * alone
