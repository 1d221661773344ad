"""Who may give which role, and from when on tokens of a changed membership are alive. Pure."""

from datetime import datetime, timedelta

MANAGERS = ("owner", "admin")
WORKERS = ("owner", "admin", "standard", "viewer")
EVERYBODY = (*WORKERS, "client")

_RANKS = {"owner": 3, "admin": 2, "standard": 1, "viewer": 1, "client": 1}


def reaches(own: str, role: str) -> bool:
    """Whether somebody with the role `own` may give, take or change `role`: none above his own."""
    return _RANKS[own] >= _RANKS[role]


def next_not_before(now: datetime, *before: datetime | None) -> datetime:
    """Until when tokens are dead of a membership that changes now.

    `before`: until when they were dead. One that was issued since may be dated a second later.
    """
    latest = [each.replace(microsecond=0) + timedelta(seconds=1) for each in before if each]
    return max([now, *latest])
