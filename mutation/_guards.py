"""The mutations of an application's guards: each part of each declaration of access, loosened."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from mutation._verdict import NotApplied
from shared_lib.tenancy import ANY_MODE, Access, Guard, PublicPaths, Scope, check_operations
from shared_lib.tenancy._operation import Operation, UndeclaredAccess, operation_of
from shared_lib.tenancy._unit import opening_of
from shared_lib.tokens import ORGANIZATION_ROLES, PLATFORM_ROLES

__all__ = ["GuardMutation", "gate", "guard_mutations", "loosened", "unguarded"]

_WIDER = {
    Scope.SERVICE: (Scope.PUBLIC, Scope.USER),
    Scope.PLATFORM: (Scope.USER, Scope.ORGANIZATION),
    Scope.ORGANIZATION: (Scope.USER, Scope.PUBLIC),
    Scope.USER: (Scope.PUBLIC,),
}


@dataclass(frozen=True)
class GuardMutation:
    """`access` in place of what the guard numbered `guard` of an operation declares; None: the
    guard is gone.
    """

    operation: str
    guard: int
    what: str
    access: Access | None


def guard_mutations(app: FastAPI) -> Iterator[GuardMutation]:
    """Every mutation of every operation, as the application has them."""
    for context in _contexts(app):
        operation = operation_of(context)
        for number, guard in enumerate(_guards(context.dependant)):
            for what, access in _loosenings(guard.access, operation):
                # What a session that the handler asks for, or another guard, says as well.
                if access.scope is guard.access.scope or _scope(context, guard, access) is None:
                    yield GuardMutation(operation.name, number, what, access)
            yield GuardMutation(operation.name, number, "without this guard", None)


@contextmanager
def loosened(app: FastAPI, mutation: GuardMutation) -> Iterator[Operation]:
    """The running application with one declaration changed; put back afterwards.

    Raises UndeclaredAccess or UnsafeToStart when the application would not start so.
    """
    context = _context(app, mutation.operation)
    guard = _guards(context.dependant)[mutation.guard]
    live = _live(mutation.operation)
    before = guard.access
    kept = [vars(operation).copy() for operation in live]
    if mutation.access is None or mutation.access == before or not live:
        raise NotApplied(f"{mutation.operation} is as it was")
    guard.access = mutation.access
    try:
        changed = operation_of(context)
        for operation in live:
            vars(operation).update(vars(changed))
        opening_of.cache_clear()  # remembered for an operation as it was
        gate(app)
        yield changed
    finally:
        guard.access = before
        for operation, values in zip(live, kept, strict=True):
            vars(operation).update(values)
        opening_of.cache_clear()
        gate(app)


@contextmanager
def unguarded(app: FastAPI, mutation: GuardMutation) -> Iterator[None]:
    """The application whose operation lacks one guard, for the gate to look at; put back."""
    context = _context(app, mutation.operation)
    guard = _guards(context.dependant)[mutation.guard]
    found = [each for each in _dependants(context.dependant) if each.call is guard]
    if not found:
        raise NotApplied(f"{mutation.operation} has no such guard")
    for dependant in found:
        dependant.call = _anybody
    try:
        yield
    finally:
        for dependant in found:
            dependant.call = guard


def _scope(context: Any, guard: Guard, access: Access) -> Scope | None:
    """None when the operation gets another scope with `access`, or contradicts itself."""
    before, guard_before = operation_of(context).scope, guard.access
    guard.access = access
    try:
        changed = operation_of(context).scope
    except UndeclaredAccess:
        return None
    finally:
        guard.access = guard_before
    return changed if changed is before else None


async def _anybody() -> None:
    """Stands where a guard stood."""


def _loosenings(access: Access, operation: Operation) -> Iterator[tuple[str, Access]]:
    if access.roles is not None:
        yield "any role", replace(access, roles=None, permission=None)
        known = PLATFORM_ROLES if access.scope is Scope.PLATFORM else ORGANIZATION_ROLES
        for role in sorted(known - access.roles):
            yield f"{role} as well", replace(access, roles=access.roles | {role})
    for what, kept_out, changed in (
        ("support sessions as well", not access.support, replace(access, support=True)),
        # Where only people pass, that says so once more.
        (
            "service accounts as well",
            not access.programs and not access.people,
            replace(access, programs=True),
        ),
        ("not only people", access.people, replace(access, people=False)),
        ("not audited", access.audited, replace(access, audited=False)),
    ):
        if kept_out:
            yield what, changed
    if operation.scope is Scope.ORGANIZATION:
        yield from _other_modes(access, operation)
    for scope in _WIDER.get(access.scope, ()):
        yield f"scope {scope}", replace(access, scope=scope)


def _other_modes(access: Access, operation: Operation) -> Iterator[tuple[str, Access]]:
    only_owners = access.roles == frozenset({"owner"})
    for mode in sorted(ANY_MODE - operation.modes):
        if not only_owners:
            yield f"also while {mode}", replace(access, modes=operation.modes | {mode})
    for mode in sorted(ANY_MODE - operation.owner_modes):
        modes = operation.owner_modes | {mode}
        yield f"for owners also while {mode}", replace(access, owner_modes=modes)
    if operation.writes and (operation.owner_modes if only_owners else operation.modes) != ANY_MODE:
        yield "as if it only read", replace(access, writes=False)


def _contexts(app: FastAPI) -> Iterator[Any]:
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield context


def _context(app: FastAPI, name: str) -> Any:
    return next(each for each in _contexts(app) if (each.operation_id or each.name) == name)


def _dependants(dependant: Dependant) -> Iterator[Dependant]:
    for dependency in dependant.dependencies:
        yield dependency
        yield from _dependants(dependency)


def _guards(dependant: Dependant) -> list[Guard]:
    calls = (each.call for each in _dependants(dependant))
    return list(dict.fromkeys(call for call in calls if isinstance(call, Guard)))


def _live(name: str) -> list[Operation]:
    """The operation, wherever the handlers that were built of it keep it."""
    return [
        thing for thing in gc.get_objects() if isinstance(thing, Operation) and thing.name == name
    ]


def gate(app: FastAPI) -> None:
    """What the application asks itself when it starts. Raises UnsafeToStart."""
    for thing in gc.get_objects():
        if isinstance(thing, PublicPaths) and thing.documents:
            check_operations(app, thing)
