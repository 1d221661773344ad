"""Customers who are there all the time, while something is done that they must not notice."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import httpx

from shared_lib.tokens import base64url_decode, json_object
from tests.people import PASSWORD, Caller, refusal, token_request
from tests.system import System, eventually


def key_id(caller: Caller) -> str:
    header = json_object(base64url_decode(caller.access_token.partition(".")[0]))
    return str(header["kid"])


class Customers:
    """People who sign in and read again and again, and what went wrong for them."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.kids: set[str] = set()
        self.requests = 0
        self.unavailable = 0
        self._workers: list[Future[None]] = []
        self._ended = threading.Event()

    @contextmanager
    def at_work(self, number: int = 3) -> Iterator[None]:
        with ThreadPoolExecutor(number) as pool:
            self._workers = [pool.submit(self._work) for _ in range(number)]
            try:
                yield
            finally:
                self._ended.set()
        self.check()

    def check(self) -> None:
        """Raise what went wrong for one of them."""
        for worker in self._workers:
            if worker.done():
                worker.result()

    def _work(self) -> None:
        while not self._ended.is_set():
            early = self._given(username="owner@acme.example.com", password=PASSWORD)
            late = self._renewed(early)
            self.kids.add(key_id(early))
            until = time.monotonic() + 3
            while time.monotonic() < until and not self._ended.is_set():
                self._read(early)
                time.sleep(0.02)
            # Shown for the first time, when the key that signed it may have stopped signing:
            # services remember for a while which tokens they have verified.
            self._read(late)
            self._renewed(late)

    def _read(self, caller: Caller) -> None:
        for response in (caller.core("GET", "/popups"), caller.identity("GET", "/me")):
            assert response.status_code == 200, response.text
            self.requests += 1

    def _renewed(self, caller: Caller) -> Caller:
        token = str(caller.refresh_token)
        return self._given(grant_type="refresh_token", refresh_token=token)

    def _given(self, **form: str) -> Caller:
        """With what the token endpoint gives for `form`."""

        def answered() -> httpx.Response | None:
            answer = token_request(self.system, **form)
            # An identity service that slept too long looks at its keys before it signs again.
            if answer.is_error and refusal(answer) == (503, "keys_unavailable"):
                self.unavailable += 1
                time.sleep(int(answer.headers["retry-after"]))
                return None
            return answer

        answer = eventually("identity signs", answered)
        assert answer.status_code == 200, answer.text
        return Caller(self.system, answer.json()["access_token"], answer.json()["refresh_token"])
