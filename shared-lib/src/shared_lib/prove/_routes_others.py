"""Another organization's ids in every place that takes one: refused, and without a trace."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from shared_lib.checks import Check
from shared_lib.prove._matrix import MATRIX, Answer
from shared_lib.prove._principals import Principal
from shared_lib.prove._principals_demo import Neighbour, Stage
from shared_lib.prove._principals_http import claims_of
from shared_lib.prove._routes_answers import send
from shared_lib.prove._routes_document import IdInput, Operation
from shared_lib.tenancy import AccessMode

__all__ = ["check_others"]

ATTACKERS = (
    Principal.OWNER,
    Principal.ADMIN,
    Principal.ADMIN_PROGRAM,
    Principal.SUPPORT_WRITE_OWNER,
)
"""Who may do most in an organization, and nothing in another one."""

_SOURCE = "OWASP API1:2023"
_TRACE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[\w.-]+@[\w.-]+")
_TOKEN = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")
# A path names a thing, which is not there. In a query or body an id may also be one too many.
_REFUSALS = {"path": {401, 403, 404}, "elsewhere": {400, 401, 403, 404, 409, 422}}
_UNDECLARED = IdInput("query", "tenant_id")


@dataclass
class _Watch:
    """What the other organization's owner sees of it, and its traces: what only he may see."""

    views: Sequence[Operation]
    owner: str = field(repr=False)
    seen: Mapping[tuple[str, str], str] = field(default_factory=dict, repr=False)
    traces: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()

    async def look(self) -> dict[tuple[str, str], str]:
        """The text of every view, by service and operation."""
        return {(each.service, each.name): await _text(each, self.owner) for each in self.views}

    async def changes(self) -> list[str]:
        """The views that show something else than before."""
        now = await self.look()
        return sorted(each[1] for each, text in now.items() if self.seen[each] != text)


async def check_others(operations: Iterable[Operation], stage: Stage) -> list[Check]:
    """Try the ids of `stage.other` on every operation that takes one, as those who may do most in
    `stage.own`; and name that organization in the query of every operation that reads.

    A check for each: nothing of the other organization is shown, and nothing in it changes.
    """
    operations = [each for each in operations if not _is_internal(each)]
    views = [each for each in operations if _is_view(each)]
    watch = _Watch(views, stage.other.owner)
    watch.seen = await watch.look()
    own = [await _text(each, stage.own.owner) for each in views]
    # The ids that are tried are known to the attacker: his own log tells of his attempts.
    watch.ids = frozenset(stage.other.ids.values())
    watch.traces = frozenset(_traces(watch.seen.values())) - frozenset(_traces(own)) - watch.ids
    return [
        await _check(operation, stage, watch)
        for operation in operations
        if operation.id_inputs() or operation in views
    ]


async def _check(operation: Operation, stage: Stage, watch: _Watch) -> Check:
    faults = [fault async for fault in _attack(operation, stage, watch)]
    changed = await watch.changes()
    faults += [f"{view} shows the other owner something else than before" for view in changed]
    inputs = ", ".join(map(str, operation.id_inputs())) or str(_UNDECLARED)
    return Check(
        section=f"other tenants: {operation.service}",
        name=operation.name,
        says=f"{operation.method} {operation.path} refuses another organization's ids ({inputs})",
        faults=tuple(dict.fromkeys(faults)),
        source=_SOURCE,
    )


async def _attack(operation: Operation, stage: Stage, watch: _Watch) -> AsyncIterator[str]:
    form = stage.forms.get(operation.name, {})
    # A form brings the attacker's credentials along.
    for principal in ATTACKERS[:1] if form else ATTACKERS:
        token = stage.casts[operation.service].tokens.get((principal, AccessMode.ACTIVE))
        for given in _attempts(operation, stage):
            request = operation.request(given)
            if "data" in request:
                request["data"] = {**form, **request["data"]}
            response = await send(operation, request, None if form else token)
            for fault in _faults(operation, given, response, watch):
                yield f"{principal.value}: {fault}"


def _attempts(operation: Operation, stage: Stage) -> Iterator[dict[IdInput, str]]:
    """Every id of the other organization in every place; the places beside it hold ids of the
    attacker's own organization, and then of the other one.
    """
    places = operation.id_inputs()
    for place in places:
        beside = [each for each in places if each is not place and each.where == "path"]
        for stolen in stage.other.ids.values():
            yield _given(place, stolen, beside, stage.own)
            if beside:
                yield _given(place, stolen, beside, stage.other)
    if not places:
        yield {_UNDECLARED: stage.other.ids["tenant_id"]}


def _given(
    place: IdInput, stolen: str, beside: Iterable[IdInput], whose: Neighbour
) -> dict[IdInput, str]:
    return {place: stolen, **{each: whose.ids.get(each.name, stolen) for each in beside}}


def _faults(
    operation: Operation,
    given: Mapping[IdInput, str],
    response: httpx.Response,
    watch: _Watch,
) -> Iterator[str]:
    said = f"another organization's id in {', '.join(map(str, given))}"
    places = {place.where for place in given}
    text, forbidden = response.text, watch.traces
    if "form" in places:  # where parameters that mean nothing are ignored: see what it opens
        text, forbidden = text + _inside_tokens(text), forbidden | watch.ids
    elif operation.id_inputs():
        allowed = _REFUSALS["path" if "path" in places else "elsewhere"]
        if response.status_code not in allowed:
            yield f"{said} was answered {response.status_code}"
    shown = sorted(trace for trace in forbidden if trace in text)
    if shown:
        yield f"{said} showed {', '.join(shown)} of it"


def _inside_tokens(text: str) -> str:
    """The claims of the tokens that stand in an answer."""
    return " ".join(str(claims_of(token)) for token in _TOKEN.findall(text))


def _is_view(operation: Operation) -> bool:
    """Whether a member reads by it without naming anything."""
    row = MATRIX[operation.service].get(operation.name)
    if row is None or operation.method != "GET" or operation.has_places:
        return False
    answers = row.answers()
    return (
        answers[Principal.OWNER, AccessMode.ACTIVE] is Answer.LET_THROUGH
        and answers[Principal.NOBODY, None] is not Answer.LET_THROUGH
    )


def _is_internal(operation: Operation) -> bool:
    """Whether it is between the services, to which no organization is another one's."""
    return operation.path.startswith("/internal/")


def _traces(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from _TRACE.findall(text)


async def _text(operation: Operation, token: str) -> str:
    request: dict[str, Any] = operation.harmless()
    response = await send(operation, request, token)
    return response.text
