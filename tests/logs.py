"""What the services wrote: what must not stand in it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TRACEBACK = re.compile(r'Traceback|"exception":|never (retrieved|awaited)|^ +File "')
_PROVOKED = (
    # A test takes the encryption key away.
    "KeysUndecryptable",
)


@dataclass(frozen=True)
class Log:
    """The output of all runs of one service."""

    path: Path

    @property
    def lines(self) -> list[str]:
        """Whole lines only: a service may be writing."""
        return self.path.read_text().split("\n")[:-1] if self.path.exists() else []

    def tail(self) -> str:
        return "\n".join(self.lines[-30:])

    def leaks(self, secrets: Iterable[str]) -> list[str]:
        """Lines that show one of `secrets`."""
        wanted = tuple(secrets)
        return [line for line in self.lines if any(secret in line for secret in wanted)]

    def tracebacks(self) -> list[str]:
        """Lines of tracebacks that no test provoked."""
        found = (line for line in self.lines if _TRACEBACK.search(line))
        return [line for line in found if not any(event in line for event in _PROVOKED)]
