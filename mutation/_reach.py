"""Which test runs which lines of the mutated files: only those can notice."""

import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["Reach"]

Tracer = Callable[[FrameType, str, Any], Any]


class Reach:
    """Lines by file, and the tests that ran them; filled while a `recording` is open."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = frozenset(files)
        self._lines: dict[tuple[str, int], set[str]] = defaultdict(set)
        self.test = ""

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Watch every thread of the process."""
        threading.settrace(self._called)
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(None)
            threading.settrace(None)

    def _called(self, frame: FrameType, _event: str, _argument: Any) -> Tracer | None:
        return self._line if frame.f_code.co_filename in self._files else None

    def _line(self, frame: FrameType, event: str, _argument: Any) -> Tracer:
        if event == "line":
            self._lines[frame.f_code.co_filename, frame.f_lineno].add(self.test)
        return self._line

    def tests(self, file: str, lines: Iterable[int]) -> set[str]:
        """The tests that ran any of the lines."""
        return set().union(*(self._lines.get((file, line), ()) for line in lines))

    def dump(self) -> list[tuple[str, int, list[str]]]:
        """Everything, to send it to another process."""
        return [(file, line, sorted(tests)) for (file, line), tests in self._lines.items()]

    def load(self, dumped: Iterable[tuple[str, int, list[str]]]) -> None:
        """What another process dumped."""
        for file, line, tests in dumped:
            self._lines[file, line] |= set(tests)
