"""Passwords: Argon2id off the event loop, so many at a time and no more."""

import asyncio
import secrets
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.core.settings import IdentitySettings
from shared_lib.errors import ApiError

T = TypeVar("T")

LONGEST_INPUT = 1024
"""Characters of a password that are looked at: composing characters takes time that grows with the
square of their number, and other requests wait for it.
"""


class SignInBusy(ApiError):
    """More people sign in than passwords can be checked; nobody waits for ever."""

    code = "sign_in_busy"
    status = 503
    title = "Too many people are signing in at the moment"


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a password was right; `renewed` is its hash where the stored one is outdated."""

    matches: bool
    renewed: str | None = None


class PasswordHashing:
    """Checks and hashes passwords in threads of its own. One per process.

    `computed` counts the hashes: whoever is not known costs as many as whoever is.
    """

    def __init__(self, settings: IdentitySettings) -> None:
        self._argon2 = PasswordHasher(
            time_cost=settings.argon2_iterations,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_parallelism,
        )
        concurrency = settings.argon2_concurrency
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="argon2")
        self._places = threading.BoundedSemaphore(concurrency + settings.argon2_queue)
        self._decoy = self._argon2.hash(secrets.token_urlsafe(32))
        self.computed = 0

    async def check(self, stored: str | None, password: str) -> Checked:
        """Compare with a stored hash; None costs the same and never matches.

        Raises SignInBusy.
        """
        return await self._in_thread(lambda: self._check(stored, password))

    async def hash(self, password: str) -> str:
        """A hash to store, in the PHC string format. Raises SignInBusy."""
        return await self._in_thread(lambda: self._hash(password))

    def close(self) -> None:
        """Let the hashes that are under way end; begin no other."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _check(self, stored: str | None, password: str) -> Checked:
        self.computed += 1
        if len(password) > LONGEST_INPUT:
            stored, password = None, ""
        try:
            self._argon2.verify(stored or self._decoy, prepared(password))
        except (VerificationError, InvalidHashError):
            return Checked(matches=False)
        if stored is None:
            return Checked(matches=False)
        outdated = self._argon2.check_needs_rehash(stored)
        return Checked(matches=True, renewed=self._hash(password) if outdated else None)

    def _hash(self, password: str) -> str:
        self.computed += 1
        return self._argon2.hash(prepared(password))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise SignInBusy
        future = self._threads.submit(work)
        # A caller who goes away gives his place back when his hash ends, not before.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)


def prepared(password: str) -> bytes:
    """The same bytes however a keyboard composes its characters (NIST SP 800-63B 5.1.1.2).

    Raises ValueError for more than LONGEST_INPUT characters.
    """
    if len(password) > LONGEST_INPUT:
        raise ValueError("the password is too long to be looked at")
    return unicodedata.normalize("NFKC", password).encode()
