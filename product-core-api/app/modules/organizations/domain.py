"""Pure rules of organizations: what a suspension sets, when a trial ends, what a change was."""

from datetime import datetime, timedelta
from typing import Any

from app.modules.organizations.schemas import OrganizationRead, OrganizationStatus, TrialExtend
from shared_lib.errors import FieldError, ValidationFailed

_DECIDED = ("slug", "name", "status", "trial_ends_at", "paid", "support_access")
_LONGEST_TRIAL = timedelta(days=5 * 365)


def extended_trial(ends_at: datetime | None, extend: TrialExtend, now: datetime) -> datetime:
    """When a trial that ends at `ends_at` ends after `extend`. Raises ValidationFailed.

    Days are counted from the end of a running trial, and from now when it is over or never was.
    """
    running = max(ends_at or now, now)
    until = extend.until or running + timedelta(days=extend.days or 0)
    if until <= running:
        raise _refused(extend, "not_later", "The trial would not end later than it does")
    if until > now + _LONGEST_TRIAL:
        raise _refused(extend, "too_late", "A trial ends within five years")
    return until


def suspended(reason: str, now: datetime) -> dict[str, Any]:
    """The columns of an organization that is suspended."""
    status = OrganizationStatus.SUSPENDED
    return {"status": status, "suspended_at": now, "suspension_reason": reason}


def reactivated() -> dict[str, Any]:
    """The columns of an organization whose suspension is lifted."""
    status = OrganizationStatus.ACTIVE
    return {"status": status, "suspended_at": None, "suspension_reason": None}


def differences(before: OrganizationRead, after: OrganizationRead) -> dict[str, list[Any]]:
    """What a change was: each field that people decide about, as it was and as it is now."""
    return {
        name: [_told(before, name), _told(after, name)]
        for name in _DECIDED
        if getattr(before, name) != getattr(after, name)
    }


def _told(organization: OrganizationRead, name: str) -> Any:
    value = getattr(organization, name)
    return value.isoformat() if isinstance(value, datetime) else value


def _refused(extend: TrialExtend, code: str, message: str) -> ValidationFailed:
    field = "body.days" if extend.until is None else "body.until"
    return ValidationFailed(errors=[FieldError(field, code, message)])
