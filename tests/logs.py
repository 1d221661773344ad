"""What the services wrote: what must not stand in it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TRACEBACK = re.compile(
    r'Traceback \(most recent call last\)|"exception":|Task exception was never'
)


@dataclass(frozen=True)
class Log:
    """The output of all runs of one service."""

    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text() if self.path.exists() else ""

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def tail(self) -> str:
        return "\n".join(self.lines[-30:])

    def leaks(self, secrets: Iterable[str]) -> list[str]:
        """Lines that show one of `secrets`."""
        wanted = tuple(secrets)
        return [line for line in self.lines if any(secret in line for secret in wanted)]

    def tracebacks(self) -> list[str]:
        """Lines with which a traceback begins, or that carry one."""
        return [line for line in self.lines if _TRACEBACK.search(line)]
