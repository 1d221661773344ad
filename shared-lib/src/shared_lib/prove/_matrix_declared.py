"""What a service declares of each operation, as a row of the matrix; the page that shows it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shared_lib.prove._matrix import MATRIX, Answer, cells
from shared_lib.prove._principals import MEMBERS, OUTSIDE, PROGRAMS, SUPPORT, Cell, Principal
from shared_lib.tenancy import AccessMode

__all__ = ["access_page", "declared_answers", "declared_faults"]

_HEAD = (
    "As the service declares it. What the letters mean, and what holds this page to the rules of "
    "the product: [access matrix](access-matrix.md). Three letters are those of an organization "
    "that is active, read-only and blocked."
)
_IDENTITY = "identity-service"
_ROLES = {
    Principal.SUPPORT_AGENT: "support_agent",
    Principal.PLATFORM_ADMIN: "platform_admin",
    **{member: member.value for member in MEMBERS},
    Principal.ADMIN_PROGRAM: "admin",
    Principal.STANDARD_PROGRAM: "standard",
    Principal.VIEWER_PROGRAM: "viewer",
    Principal.SUPPORT_READ: "standard",
    Principal.SUPPORT_WRITE: "standard",
    Principal.SUPPORT_READ_OWNER: "owner",
    Principal.SUPPORT_WRITE_OWNER: "owner",
    Principal.SUPPORT_WRITE_VIEWER: "viewer",
    Principal.SUPPORT_WRITE_CLIENT: "client",
}
"""What guards take each for; a person in no organization has no role."""

_MAY_WRITE = tuple(each for each in SUPPORT if each.value.endswith("read_write"))
_STAFF = (Principal.SUPPORT_AGENT, Principal.PLATFORM_ADMIN)


def declared_answers(service: str, access: Mapping[str, Any]) -> dict[Cell, Answer]:
    """The answer of each cell as it follows from `access`, an operation's `x-access`."""
    return {cell: _answer(service, access, cell) for cell in cells()}


def declared_faults(service: str, name: str, access: Mapping[str, Any]) -> Iterator[str]:
    """Where what `service` declares of an operation is not what the matrix says of it."""
    row = MATRIX[service].get(name)
    if row is None:
        return
    declared = declared_answers(service, access)
    for (principal, mode), expected in row.answers().items():
        if declared[principal, mode] is not expected:
            who = f"{principal.value} ({mode.value})" if mode else principal.value
            yield f"{who}: expected {expected}, the service declares {declared[principal, mode]}"


def _answer(service: str, access: Mapping[str, Any], cell: Cell) -> Answer:
    principal, _ = cell
    scope = access["scope"]
    if principal is Principal.NOBODY:
        return Answer.LET_THROUGH if scope == "public" else Answer.MISSING_TOKEN
    if not _is_for(service, scope, principal):
        return Answer.INVALID_TOKEN
    if scope in {"public", "service"}:
        return Answer.LET_THROUGH
    if scope == "organization" and principal in OUTSIDE:
        return Answer.TENANT_REQUIRED
    outsiders_only = scope == "platform" and principal not in OUTSIDE
    if outsiders_only or _is_shut_out(access, principal):
        return Answer.MISSING_PERMISSION
    return _admission(service, access, cell) if scope == "organization" else Answer.LET_THROUGH


def _is_for(service: str, scope: str, principal: Principal) -> bool:
    """Whether a token of `principal` has the audience that counts there."""
    if (principal is Principal.SERVICE) != (scope == "service"):
        return False
    return not (service == _IDENTITY and principal in SUPPORT)


def _is_shut_out(access: Mapping[str, Any], principal: Principal) -> bool:
    kinds = {"support": SUPPORT, "programs": PROGRAMS, "staff": _STAFF}
    if any(principal in kind and not access[name] for name, kind in kinds.items()):
        return True
    return access["roles"] is not None and _ROLES.get(principal) not in access["roles"]


def _admission(service: str, access: Mapping[str, Any], cell: Cell) -> Answer:
    """By the access mode, which the identity service knows of suspended organizations only."""
    principal, mode = cell
    works = access["owner_modes" if _ROLES[principal] == "owner" else "modes"]
    if service != _IDENTITY:
        if principal in SUPPORT and not access["writes"]:
            return Answer.LET_THROUGH
        if _ROLES[principal] == "client" and mode is AccessMode.READ_ONLY:
            mode = AccessMode.BLOCKED
    if mode not in works:
        return Answer.READ_ONLY if mode is AccessMode.READ_ONLY else Answer.TENANT_BLOCKED
    if principal in SUPPORT and (principal not in _MAY_WRITE or mode is not AccessMode.ACTIVE):
        return Answer.READ_ONLY
    return Answer.LET_THROUGH


def access_page(service: str, document: Mapping[str, Any]) -> str:
    """The whole of what a service declares, as a page of the reference."""
    rows = (
        (f"`{method.upper()} {path}`", declared_answers(service, described["x-access"]))
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    )
    return "\n".join(
        [
            f"# Who may call what of {service}",
            "",
            _HEAD,
            "",
            _line("operation", lambda principal: principal.value),
            _line("---", lambda _: "---"),
            *(_line(name, _letters(answers)) for name, answers in rows),
            "",
        ]
    )


def _letters(answers: Mapping[Cell, Answer]) -> Callable[[Principal], str]:
    def letters(principal: Principal) -> str:
        modes = (None,) if principal in OUTSIDE else tuple(AccessMode)
        found = [answers[principal, mode].letter for mode in modes]
        return f"`{''.join(found if len(set(found)) > 1 else found[:1])}`"

    return letters


def _line(first: str, cell: Callable[[Principal], str]) -> str:
    return f"| {' | '.join([first, *map(cell, Principal)])} |"
