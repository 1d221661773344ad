"""What every operation answers to everybody, compared with the table in `_matrix`."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from shared_lib.checks import Check
from shared_lib.prove._matrix import MATRIX, Answer, Row
from shared_lib.prove._matrix_declared import declared_faults
from shared_lib.prove._principals import OUTSIDE, Cast, Cell, Principal, cells_of
from shared_lib.prove._routes_document import Operation, read_operations
from shared_lib.tenancy import AccessMode

__all__ = ["ENDING", "MALFORMED", "check_operation", "check_table", "check_unauthenticated", "send"]

ENDING = ("logout", "leave_organization", "logout_everywhere")
"""Operations that need neither id nor body and end what the caller has: asked with spares only."""

MALFORMED = "not-a-token"
MODES = (AccessMode.BLOCKED, AccessMode.READ_ONLY, AccessMode.ACTIVE)

_SOURCE = "OWASP API5:2023"
_AT_ONCE = 6
_PATIENCE = 5  # times that a request is made again because of a rate limit
_REFUSALS = {answer.code: answer for answer in Answer if answer.code}
_REVOKED = "token_revoked"


@dataclass(frozen=True)
class _Question:
    """One request: who sends it, how that is said, and the code of the refusal ("" for none)."""

    who: str
    token: str | None
    code: str


async def check_operation(operation: Operation, cast: Cast, matrix: Row | None = None) -> Check:
    """Ask one operation as everybody of `cast`, in every access mode. `matrix`: another row."""
    asked = [fault async for fault in _ask_all([operation], cast, {operation.name: matrix})]
    return _check(operation, [fault for _, fault in asked])


async def check_table(operations: Mapping[str, Operation], cast: Cast) -> list[Check]:
    """Ask every operation of one service as everybody of `cast`, and compare what it declares.

    An operation that the table does not know is a fault, and so is one that the service lacks.
    """
    service = next(iter(operations.values())).service
    known = MATRIX[service]
    faults: dict[str, list[str]] = {name: [] for name in operations}
    asked = [operation for name, operation in operations.items() if name in known]
    async for name, fault in _ask_all(asked, cast, {}):
        faults[name].append(fault)
    for name in operations.keys() - known.keys():
        faults[name].append("it is an operation of the service and has no line in the matrix")
    for name, operation in operations.items():
        faults[name] += declared_faults(service, name, operation.access)
    checks = [_check(operation, faults[name]) for name, operation in operations.items()]
    return [*checks, *_missing(service, known.keys() - operations.keys())]


async def check_unauthenticated(service: str, client: httpx.AsyncClient) -> list[Check]:
    """Ask every operation that is not public without a token and with one that is none."""
    checks = []
    for operation in (await read_operations(service, client)).values():
        row = MATRIX[service].get(operation.name)
        answers = row.answers() if row else {}
        if answers.get((Principal.NOBODY, None)) is Answer.LET_THROUGH:
            continue
        questions = (_Question("nobody", None, "missing_token"), _malformed())
        faults = [fault async for fault in _ask(operation, questions)]
        if row is None:
            faults.append("it is an operation of the service and has no line in the matrix")
        checks.append(_check(operation, faults))
    return checks


async def send(
    operation: Operation, request: Mapping[str, Any], token: str | None
) -> httpx.Response:
    """Make a request, again after `Retry-After` while a rate limit refuses it."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = await operation.client.request(**request, headers=headers)
    for _ in range(_PATIENCE):
        if response.status_code != httpx.codes.TOO_MANY_REQUESTS:
            break
        await asyncio.sleep(float(response.headers.get("retry-after", 1)))
        response = await operation.client.request(**request, headers=headers)
    return response


def _check(operation: Operation, faults: Iterable[str]) -> Check:
    return Check(
        section=f"routes: {operation.service}",
        name=operation.name,
        says=f"{operation.method} {operation.path} answers everybody as the matrix says",
        faults=tuple(faults),
        source=_SOURCE,
    )


def _missing(service: str, names: Iterable[str]) -> Iterator[Check]:
    for name in sorted(names):
        yield Check(
            section=f"routes: {service}",
            name=name,
            says=f"{name} is an operation of the service",
            faults=("it has a line in the matrix and is no operation of the service",),
            source=_SOURCE,
        )


async def _ask_all(
    operations: Sequence[Operation], cast: Cast, rows: Mapping[str, Row | None]
) -> AsyncIterator[tuple[str, str]]:
    """Each fault with the name of its operation. Operations that end something come last."""
    ordered = sorted(operations, key=_when)
    for mode in MODES:
        await cast.enter(mode)
        for operation in ordered:
            row = rows.get(operation.name) or MATRIX[operation.service][operation.name]
            questions = list(_questions(operation, row, cast, mode))
            async for fault in _ask(operation, questions):
                yield operation.name, fault


def _when(operation: Operation) -> int:
    return ENDING.index(operation.name) + 1 if operation.name in ENDING else 0


def _questions(operation: Operation, row: Row, cast: Cast, mode: AccessMode) -> Iterator[_Question]:
    """What is asked in `mode`; in an active organization, what does not depend on it, too."""
    answers = row.answers()
    asked = cells_of(mode) + (cells_of(None) if mode is AccessMode.ACTIVE else ())
    for cell in asked:
        expected = answers[cell]
        tokens: Mapping[Cell, str | None] = cast.tokens
        if operation.name in ENDING and expected is Answer.LET_THROUGH:
            spares = cast.spares.items()
            tokens = {each: spare for (name, each), spare in spares if name == operation.name}
        if cell in tokens:
            yield _Question(_said(cell), tokens[cell], expected.code)
    if mode is AccessMode.ACTIVE:
        yield _malformed()
        for what, token in cast.hostile.items():
            yield _Question(what, token, Answer.INVALID_TOKEN.code)
        yield from _revoked(answers, cast)


def _revoked(answers: Mapping[Cell, Answer], cast: Cast) -> Iterator[_Question]:
    """A token that would have been let through, had it not been revoked."""
    if answers[Principal.NOBODY, None] is Answer.LET_THROUGH:
        return
    for cell, token in cast.revoked.items():
        if answers[cell] is Answer.LET_THROUGH:
            yield _Question(f"{_said(cell)}, with a revoked token", token, _REVOKED)
            return


def _malformed() -> _Question:
    return _Question("somebody with a token that is none", MALFORMED, Answer.INVALID_TOKEN.code)


async def _ask(operation: Operation, questions: Iterable[_Question]) -> AsyncIterator[str]:
    """The faults in the answers, in the order of the questions."""
    gate = asyncio.Semaphore(1 if operation.name in ENDING else _AT_ONCE)

    async def ask(question: _Question) -> str | None:
        async with gate:
            response = await send(operation, operation.harmless(), question.token)
        return _fault(question, response)

    for fault in await asyncio.gather(*map(ask, questions)):
        if fault:
            yield fault


def _fault(question: _Question, response: httpx.Response) -> str | None:
    got = _code(response)
    refused = got in _REFUSALS or got == _REVOKED
    if (got if refused else "") != question.code or response.is_server_error:
        answered = got if refused else f"let through ({response.status_code}{got and ' ' + got})"
        return f"{question.who}: expected {question.code or 'let through'}, got {answered}"
    if not refused:
        return None
    status = 401 if got in {"missing_token", "invalid_token", _REVOKED} else 403
    if response.status_code != status:
        return f"{question.who}: {got} came with status {response.status_code}"
    if status == httpx.codes.UNAUTHORIZED and "bearer" not in _challenge(response):
        return f"{question.who}: {got} came without WWW-Authenticate: Bearer"
    return None


def _challenge(response: httpx.Response) -> str:
    return str(response.headers.get("www-authenticate", "")).lower()


def _code(response: httpx.Response) -> str:
    """The stable code of a refusal, "" for a success or an answer that has none."""
    if response.is_success or "json" not in response.headers.get("content-type", ""):
        return ""
    said = response.json()
    return str(said.get("detail", "")) if isinstance(said, dict) else ""


def _said(cell: Cell) -> str:
    principal, mode = cell
    return (
        principal.value
        if principal in OUTSIDE or mode is None
        else f"{principal.value} ({mode.value})"
    )
