"""Work in a forked process: it starts with everything imported, and leaves nothing behind here."""

import os
import pickle
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from io import FileIO
from typing import Any, BinaryIO

__all__ = ["Died", "Failed", "TookTooLong", "from_child", "in_child"]

_LENGTH = 8  # bytes that say how long an answer is


class TookTooLong(Exception):
    """The child was killed when its time was over."""


class Died(Exception):
    """The child ended without an answer. The message says how."""


class Failed(Exception):
    """What the child was to do failed. The message is its traceback."""


def in_child(work: Callable[[], Any], *, seconds: float) -> Any:
    """What `work` returns in a child of this process. Raises TookTooLong, Died or Failed."""
    return next(from_child(lambda: iter([work()]), seconds=seconds))


def from_child(work: Callable[[], Iterator[Any]], *, seconds: float) -> Iterator[Any]:
    """What `work` yields in a child of this process, each no more than `seconds` after the one
    before. Raises TookTooLong, Died or Failed. The child ends with the iteration.
    """
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
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            while (answer := _read(pipe, seconds)) is not None:
                worked, result = answer
                if not worked:
                    raise Failed(result)
                yield result
    except EOFError:
        status = os.waitpid(pid, 0)[1]
        pid = 0
        ended = os.waitstatus_to_exitcode(status)
        raise Died(f"the child ended with status {ended}") from None
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _be_child(work: Callable[[], Iterator[Any]], reading: int, writing: int) -> None:
    """Answer and end at once: nothing that the parent registered for its own end runs here."""
    try:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            try:
                for result in work():
                    _write(pipe, (True, result))
                _write(pipe, None)
            except BaseException:  # noqa: BLE001  there is nobody above
                _write(pipe, (False, traceback.format_exc()))
    finally:
        os._exit(0)


def _write(pipe: BinaryIO, answer: tuple[bool, Any] | None) -> None:
    data = pickle.dumps(answer)
    pipe.write(len(data).to_bytes(_LENGTH, "big") + data)
    pipe.flush()


def _read(pipe: FileIO, seconds: float) -> Any:
    until = time.monotonic() + seconds
    length = int.from_bytes(_exactly(pipe, _LENGTH, until), "big")
    return pickle.loads(_exactly(pipe, length, until))  # noqa: S301  our own child wrote it


def _exactly(pipe: FileIO, length: int, until: float) -> bytes:
    """Raises TookTooLong, or EOFError when the other end is closed before."""
    data = bytearray()
    while len(data) < length:
        ready, _, _ = select.select([pipe], [], [], max(until - time.monotonic(), 0))
        if not ready:
            raise TookTooLong
        part = pipe.read(length - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
