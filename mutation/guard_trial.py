"""Asks the access matrix about loosened guards of an application that runs in this process."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Any

import httpx
from fastapi import FastAPI

from mutation._guards import GuardMutation, gate, guard_mutations, loosened, unguarded
from mutation._task import Task
from mutation._trial import BaselineFailed
from mutation._verdict import NotApplied, Verdict, write_verdict
from shared_lib.prove._matrix_declared import declared_faults
from shared_lib.prove._principals import Cast
from shared_lib.prove._routes import check_operation, read_operations
from shared_lib.prove._routes_answers import ENDING
from shared_lib.prove._routes_document import Operation
from shared_lib.tenancy import UnsafeToStart
from shared_lib.tenancy._openapi import _describe_access
from shared_lib.tenancy._operation import UndeclaredAccess

__all__ = ["Look", "try_guards"]

Look = Callable[[Operation], Awaitable[Sequence[str]]]

_TIMES = 5  # as many in a sample
_SHOWN = 3  # faults of one mutation


async def try_guards(
    app: FastAPI,
    client: httpx.AsyncClient,
    service: str,
    make_cast: Callable[[str], Awaitable[Cast]],
    *looks: Look,
) -> None:
    """Do the task of the environment: loosen each guard of `app`, and ask its operation's row.
    `looks` find the faults of an operation that are none of the row.

    `client` calls `app`, without any rate limit; `make_cast` makes callers whom nobody has spent,
    with spares for the operation that it is given the name of.
    """
    task = Task.from_environment()
    mutations = task.chosen(list(guard_mutations(app)), times=_TIMES)
    operations = await read_operations(service, client)
    trial = _Trial(app, make_cast, looks)
    for name, group in groupby(mutations, key=lambda each: each.operation):
        of_one = list(group)
        verdicts = [_named(service, each) for each in of_one]
        if not task.only_list:
            verdicts = await trial.verdicts(service, operations[name], of_one)
        for verdict in verdicts:
            write_verdict(task.file, verdict)


class _Trial:
    def __init__(
        self, app: FastAPI, make_cast: Callable[[str], Awaitable[Cast]], looks: Sequence[Look]
    ) -> None:
        self._app = app
        self._make_cast = make_cast
        self._looks = looks
        self._cast: Cast | None = None

    async def verdicts(
        self, service: str, operation: Operation, mutations: Sequence[GuardMutation]
    ) -> list[Verdict]:
        """What became of all mutations of one operation."""
        cast = self._cast
        if cast is None or operation.name in ENDING:
            cast = await self._make_cast(operation.name)
        verdicts = [await self._verdict(service, operation, each, cast) for each in mutations]
        if not await self._faults(operation, cast):
            self._cast = cast
            return verdicts
        # One of them let through what spends the caller: each with callers of its own.
        self._cast = None
        return [
            await self._verdict(service, operation, each, await self._fresh(operation))
            for each in mutations
        ]

    async def _fresh(self, operation: Operation) -> Cast:
        """Callers whom the operation answers as it should. Raises BaselineFailed."""
        cast = await self._make_cast(operation.name)
        faults = await self._faults(operation, cast)
        if faults:
            raise BaselineFailed(f"{operation.name}: {faults[0]}")
        return cast

    async def _faults(self, operation: Operation, cast: Cast) -> list[str]:
        """How the operation answers somebody as it must not."""
        faults = list((await check_operation(operation, cast)).faults)
        for look in self._looks:
            faults += await look(operation)
        return faults

    async def _verdict(
        self, service: str, operation: Operation, mutation: GuardMutation, cast: Cast
    ) -> Verdict:
        named = _named(service, mutation)
        try:
            if mutation.access is None:
                by = self._gate(mutation)
            else:
                by = await self._row(operation, mutation, cast)
        except NotApplied as fault:
            return Verdict(named.kind, named.where, named.what, error=str(fault))
        return Verdict(named.kind, named.where, named.what, by)

    def _gate(self, mutation: GuardMutation) -> tuple[str, ...]:
        with unguarded(self._app, mutation):
            try:
                gate(self._app)
            except UnsafeToStart as refusal:
                return (f"gate: {str(refusal).splitlines()[-1]}",)
        return ()

    async def _row(
        self, operation: Operation, mutation: GuardMutation, cast: Cast
    ) -> tuple[str, ...]:
        try:
            with loosened(self._app, mutation) as changed:
                faults = await self._faults(operation, cast)
                described: dict[str, Any] = {}
                _describe_access(described, changed)
        except (UndeclaredAccess, UnsafeToStart) as refusal:
            return (f"gate: {str(refusal).splitlines()[-1]}",)
        declared = declared_faults(operation.service, operation.name, described["x-access"])
        return (
            *(f"row: {fault}" for fault in faults[:_SHOWN]),
            *(f"declared: {fault}" for fault in list(declared)[:_SHOWN]),
        )


def _named(service: str, mutation: GuardMutation) -> Verdict:
    number = f" (guard {mutation.guard + 1})" if mutation.guard else ""
    return Verdict("guard", f"{service} {mutation.operation}", f"{mutation.what}{number}")
