"""How often jobs that send mail are tried."""

from collections.abc import Awaitable, Callable
from typing import Any

from shared_lib.jobs import MAIL, Backoff, JobKind

_ATTEMPTS = 40
_BACKOFF = Backoff(first=2, longest=3600)


def mail_kind(name: str, handler: Callable[[Any], Awaitable[None]]) -> JobKind:
    """The kind of jobs that send one mail each: tried for about a day, then held for a person.

    A mail server may be away for hours (RFC 5321 section 4.5.4.1); most links in mails have died
    after a day.
    """
    return JobKind(name, handler, lane=MAIL, attempts=_ATTEMPTS, backoff=_BACKOFF)
