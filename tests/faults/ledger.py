"""The ledger: what was acknowledged, refused or left open, held against what is there then."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

Value = str | None
"""What a thing holds; None: it is not there."""


class Outcome(Enum):
    """What an answer says of the change that was asked for."""

    DONE = auto()
    NOT_DONE = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class Answer:
    """An answer, or None for each where the connection broke before there was one."""

    status: int | None = None
    code: str | None = None
    retry_after: str | None = None
    request_id: str | None = None
    replayed: bool = False

    @property
    def outcome(self) -> Outcome:
        """What a client may conclude from it."""
        if self.status is None or self.code == "outcome_unknown":
            return Outcome.UNKNOWN
        return Outcome.DONE if self.status < 300 else Outcome.NOT_DONE

    @property
    def is_clear(self) -> bool:
        """Whether it is one that a client can act upon while something is broken."""
        if self.status is None or self.status < 300:
            return True
        again = self.status == 503 or self.code == "request_in_progress"
        return again and bool(self.code) and (self.retry_after or "").isdigit()


@dataclass
class Thing:
    """One thing of one tenant, written by one writer. `possible`: what it may hold by now."""

    tenant: str
    name: str
    possible: set[Value] = field(default_factory=lambda: {None})


@dataclass(frozen=True)
class Row:
    """A thing as it is found at the end."""

    tenant: str
    name: str
    value: str


@dataclass(frozen=True)
class Found:
    """What is there at the end. `changes`: the request of each row of the history."""

    rows: tuple[Row, ...]
    changes: tuple[str, ...]


class Ledger:
    """What writers were told, in any number of threads. `faults` says what does not hold."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._things: list[Thing] = []
        self._requests: dict[str, tuple[Outcome, Thing]] = {}
        self._unclear: list[str] = []
        self.counts: Counter[Outcome] = Counter()

    def thing(self, tenant: str, name: str) -> Thing:
        """A thing that nobody has asked for yet."""
        made = Thing(tenant, name)
        with self._lock:
            self._things.append(made)
        return made

    def note(self, thing: Thing, wanted: Value, answer: Answer) -> Outcome:
        """What was answered to the wish that `thing` hold `wanted`."""
        outcome = answer.outcome
        with self._lock:
            self.counts[outcome] += 1
            if not answer.is_clear:
                self._unclear.append(f"{thing.name}: answered {answer}")
            if outcome is Outcome.DONE:
                thing.possible = {wanted}
            elif outcome is Outcome.UNKNOWN:
                thing.possible |= {wanted}
            if answer.request_id and not answer.replayed:
                self._requests[answer.request_id] = (outcome, thing)
        return outcome

    def complain(self, text: str) -> None:
        """Something that a writer saw and nobody may see."""
        with self._lock:
            self._unclear.append(text)

    def total(self, *outcomes: Outcome) -> int:
        """How many answers of these kinds there were so far."""
        with self._lock:
            return sum(self.counts[outcome] for outcome in outcomes)

    def faults(self, found: Found) -> list[str]:
        """Everything that is lost, there twice, half there, elsewhere, or was answered wrongly."""
        with self._lock:
            faults = list(self._unclear)
            faults += self._faults_of_rows(found.rows)
            faults += self._faults_of_changes(found.changes)
            return faults

    def _faults_of_rows(self, rows: Iterable[Row]) -> Iterable[str]:
        by_name: dict[str, list[Row]] = {}
        for row in rows:
            by_name.setdefault(row.name, []).append(row)
        for thing in self._things:
            here = by_name.pop(thing.name, [])
            values: set[Value] = {row.value for row in here if row.tenant == thing.tenant}
            values = values or {None}
            if any(row.tenant != thing.tenant for row in here):
                yield f"{thing.name}: in another tenant"
            if len(here) > 1:
                yield f"{thing.name}: there {len(here)} times"
            if not values <= thing.possible:
                yield f"{thing.name}: holds {_listed(values)}, should {_listed(thing.possible)}"
        yield from (f"{name}: nobody asked for it" for name in by_name)

    def _faults_of_changes(self, changes: Iterable[str]) -> Iterable[str]:
        times = Counter(changes)
        for request_id, (outcome, thing) in self._requests.items():
            found = times[request_id]
            allowed = {Outcome.DONE: {1}, Outcome.NOT_DONE: {0}, Outcome.UNKNOWN: {0, 1}}[outcome]
            if found not in allowed:
                yield f"{thing.name}: {outcome.name}, and {found} changes by request {request_id}"


def _listed(values: Iterable[Value]) -> str:
    return " or ".join(sorted(value or "nothing" for value in values))
