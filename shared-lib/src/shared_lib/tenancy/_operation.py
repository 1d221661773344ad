"""One operation of the API as its access declarations make it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Depends
from fastapi.dependencies.models import Dependant

from shared_lib.tenancy._access import (
    READ_MODES,
    WRITE_MODES,
    Access,
    AccessMode,
    Idempotent,
    Scope,
    Transactional,
)
from shared_lib.tenancy._guard import Guard, check_access, check_scope
from shared_lib.tokens import TokenData

_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_WIDTH = {scope: width for width, scope in enumerate(Scope)}
Value = TypeVar("Value")
_doors: dict[Callable[..., Any], Scope] = {}
_Door = Callable[..., Any]


class UndeclaredAccess(Exception):
    """An operation says nothing, or contradictory things, about who may call it."""


def door(scope: Scope) -> Callable[[_Door], _Door]:
    """Mark a dependency that hands out a session: using it makes an operation of `scope`."""

    def mark(dependency: _Door) -> _Door:
        _doors[dependency] = scope
        return dependency

    return mark


@dataclass(frozen=True, eq=False)
class Operation:
    """What the guards and doors of an operation say together.

    `action` names it in the audit trail: the resource of its permission (else its tag), and the
    first word of its name. All of `accesses` must pass.
    """

    name: str
    action: str
    accesses: tuple[Access, ...]
    scope: Scope
    writes: bool
    modes: frozenset[AccessMode]
    owner_modes: frozenset[AccessMode]
    audited: bool
    tenant_parameter: str | None
    oauth: bool
    transactions: Transactional
    idempotent: Idempotent | None

    def check(self, token: TokenData | None) -> None:
        """Raise unless a caller with `token` passes the scope and every guard. No I/O."""
        check_scope(self.scope, token)
        for access in self.accesses:
            check_access(access, token)

    @property
    def roles(self) -> frozenset[str] | None:
        """The roles that pass every guard; None is every one."""
        named = [access.roles for access in self.accesses if access.roles is not None]
        return frozenset.intersection(*named) if named else None

    @property
    def permissions(self) -> list[str]:
        """The permissions that a caller needs, in order."""
        return sorted({access.permission for access in self.accesses if access.permission})


def operation_of(route: Any) -> Operation:
    """Read the declarations of a route (or of a route as included). Raises UndeclaredAccess."""
    name = route.operation_id or route.name
    calls = list(_calls(route.dependant))
    accesses = tuple(call.access for call in calls if isinstance(call, Guard))
    if not accesses:
        raise UndeclaredAccess(f"{name} declares no access")
    doors = {_doors[call] for call in calls if call in _doors}
    transactions = _only(name, "transactions", {each.transactions for each in accesses}, "request")
    if transactions != "request" and doors:
        raise UndeclaredAccess(f"{name} asks for the one transaction that it does not have")
    writes = [access.writes for access in accesses if access.writes is not None]
    changes = any(writes) if writes else not _READING_METHODS.issuperset(route.methods)
    default_modes = WRITE_MODES if changes else READ_MODES
    modes = [access.modes or default_modes for access in accesses]
    owners = [access.owner_modes or each for access, each in zip(accesses, modes, strict=True)]
    permissions = sorted(access.permission for access in accesses if access.permission)
    resource = permissions[0].partition(":")[0] if permissions else str(*route.tags[:1]) or name
    tenants = {access.tenant_parameter for access in accesses}
    scope = _scope(name, accesses, doors)
    return Operation(
        name=name,
        action=f"{resource}.{name.partition('_')[0]}",
        accesses=accesses,
        scope=scope,
        writes=changes,
        modes=frozenset.intersection(*modes),
        owner_modes=frozenset.intersection(*owners),
        audited=any(access.audited for access in accesses),
        tenant_parameter=_only(name, "tenant_parameter", tenants, None),
        oauth=any(access.oauth for access in accesses),
        transactions=transactions,
        idempotent=_idempotent(name, calls, scope, transactions),
    )


def idempotent(*, keeps: str | None = None) -> Any:
    """Declare that the operation takes an Idempotency-Key.

    `keeps` names the member of the answer that holds the id of what was made, where the answer
    itself must not be kept: because it holds a credential, or because the operation has
    transactions of its own (it then calls `Unit.complete` in the one that makes the change).
    """
    return Depends(Idempotent(keeps=keeps))


def not_idempotent(reason: str) -> Any:
    """Declare that an operation that creates something takes no Idempotency-Key, and why."""
    return Depends(Idempotent(reason=reason))


def _idempotent(
    name: str, calls: list[Callable[..., Any]], scope: Scope, transactions: Transactional
) -> Idempotent | None:
    said: set[Idempotent | None] = {call for call in calls if isinstance(call, Idempotent)}
    found = _only(name, "idempotency", said, None)
    if found is None or found.reason:
        return found
    if scope is Scope.PUBLIC:
        raise UndeclaredAccess(f"{name} knows nobody whose answer could be kept")
    if transactions == "none" or (transactions == "own" and found.keeps is None):
        raise UndeclaredAccess(f"{name} has no transaction that its answer could be kept in")
    return found


def _only(name: str, what: str, values: set[Value], default: Value) -> Value:
    said = values - {default}
    if len(said) > 1:
        raise UndeclaredAccess(f"{name} declares {what} in two ways")
    return said.pop() if said else default


def _scope(name: str, accesses: tuple[Access, ...], doors: set[Scope]) -> Scope:
    scopes = {access.scope for access in accesses}
    if scopes & {Scope.SERVICE, Scope.PUBLIC} and len(scopes) > 1:
        raise UndeclaredAccess(f"{name} is {min(scopes)} and something else at once")
    platform = any(access.scope is Scope.PLATFORM and access.roles for access in accesses)
    scope = max(scopes, key=_WIDTH.__getitem__)
    if scope is Scope.USER and doors == {Scope.ORGANIZATION}:
        scope = Scope.ORGANIZATION
    if (scope is Scope.PLATFORM) != platform or doors - {scope}:
        raise UndeclaredAccess(f"{name} sees rows that its permission does not fit")
    return scope


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for dependency in dependant.dependencies:
        if dependency.call is not None:
            yield dependency.call
        yield from _calls(dependency)
