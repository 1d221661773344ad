"""What the audit trail is told when keys turn or one is revoked, whoever did it."""

from typing import Any

from shared_lib.audit import AuditEvent
from shared_lib.keys._lifecycle import KeyState
from shared_lib.keys._store import KeyRevocation, Rotation

__all__ = ["revocation_event", "rotation_event"]


def rotation_event(rotation: Rotation) -> AuditEvent:
    """`keys.rotate`: which key signs, waits and has left now, and which did before."""
    changes: dict[str, Any] = {
        "current": [rotation.demoted, rotation.promoted],
        "next": [rotation.promoted, rotation.published],
        "retired": [[], list(rotation.retired)],
    }
    return AuditEvent("keys.rotate", rotation.promoted or rotation.upcoming, changes=changes)


def revocation_event(revocation: KeyRevocation, reason: str) -> AuditEvent:
    """`keys.revoke`: what the key was, and which signs in its place."""
    changes: dict[str, Any] = {"state": [revocation.state.value, KeyState.REVOKED.value]}
    if revocation.promoted is not None:
        changes["current"] = [revocation.kid, revocation.promoted]
    return AuditEvent("keys.revoke", revocation.kid, reason=reason, changes=changes)
