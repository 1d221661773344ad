"""Declarations as data: what `phasezero prove`, which imports no service, compares with."""

from collections.abc import Mapping
from typing import Any

from shared_lib.tables._declaration import Grant, Isolation, Kind, Policy, Predicate

Document = dict[str, dict[str, Any]]


def declarations_document(declared: Mapping[str, Isolation]) -> Document:
    """Every declaration by its table, as JSON values; what is empty is left out."""
    return {name: _isolation_document(declared[name]) for name in sorted(declared)}


def declarations_from(document: Document) -> dict[str, Isolation]:
    """The declarations that `declarations_document` wrote. Raises KeyError or ValueError."""
    return {name: _isolation_from(values) for name, values in document.items()}


def _isolation_document(isolation: Isolation) -> dict[str, Any]:
    values: dict[str, Any] = {
        "kind": isolation.kind.value,
        "reason": isolation.reason,
        "grants": [_grant_document(grant) for grant in isolation.grants],
        "policies": [
            {"role": policy.role, "predicate": policy.predicate.name, "command": policy.command}
            for policy in isolation.policies
        ],
        "history": isolation.history,
        "redact": list(isolation.redact),
    }
    return {name: value for name, value in values.items() if value}


def _grant_document(grant: Grant) -> dict[str, Any]:
    values = {
        "role": grant.role,
        "select": _columns_document(grant.select),
        "insert": _columns_document(grant.insert),
        "update": list(grant.update),
        "delete": grant.delete,
    }
    return {name: value for name, value in values.items() if value}


def _columns_document(columns: bool | tuple[str, ...]) -> bool | list[str]:  # noqa: FBT001  a field's value
    return columns if isinstance(columns, bool) else list(columns)


def _isolation_from(values: dict[str, Any]) -> Isolation:
    return Isolation(
        Kind(values["kind"]),
        tuple(
            Grant(**{name: _frozen(value) for name, value in grant.items()})
            for grant in values.get("grants", ())
        ),
        tuple(
            Policy(each["role"], Predicate[each["predicate"]], each["command"])
            for each in values.get("policies", ())
        ),
        reason=values.get("reason", ""),
        history=values.get("history", False),
        redact=tuple(values.get("redact", ())),
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
