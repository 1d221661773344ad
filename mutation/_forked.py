"""Work in a forked process: it starts with everything imported, and leaves nothing behind here."""

import os
import pickle
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["Died", "Failed", "TookTooLong", "in_child"]


class TookTooLong(Exception):
    """The child was killed when its time was over."""


class Died(Exception):
    """The child ended without an answer. The message says how."""


class Failed(Exception):
    """What the child was to do failed. The message is its traceback."""


def in_child(work: Callable[[], Any], *, seconds: float) -> Any:
    """What `work` returns in a child of this process. Raises TookTooLong, Died or Failed."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # Threads of this process, if any, wait; the child asks nothing of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _be_child(work, reading, writing)
    os.close(writing)
    try:
        answer = _read(reading, time.monotonic() + seconds)
    except TookTooLong:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(reading)
        status = os.waitpid(pid, 0)[1]
    if not answer:
        raise Died(f"the child ended with status {os.waitstatus_to_exitcode(status)}")
    worked, result = pickle.loads(answer)  # noqa: S301  our own child wrote it
    if not worked:
        raise Failed(result)
    return result


def _be_child(work: Callable[[], Any], reading: int, writing: int) -> None:
    """Answer and end at once: nothing that the parent registered for its own end runs here."""
    try:
        os.close(reading)
        try:
            answer = pickle.dumps((True, work()))
        except BaseException:  # noqa: BLE001  there is nobody above
            answer = pickle.dumps((False, traceback.format_exc()))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(answer)
    finally:
        os._exit(0)


def _read(reading: int, until: float) -> bytes:
    answer = bytearray()
    while True:
        ready, _, _ = select.select([reading], [], [], max(until - time.monotonic(), 0))
        if not ready:
            raise TookTooLong
        part = os.read(reading, 1 << 20)
        if not part:
            return bytes(answer)
        answer += part
