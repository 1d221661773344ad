"""Identifiers: UUIDs of version 7, made here and not by the database."""

import threading
import time
from secrets import randbits
from uuid import UUID

__all__ = ["uuid7"]

_VERSION = 7 << 76
_VARIANT = 0b10 << 62

_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """Make a UUID of version 7 (RFC 9562 section 5.7), larger than any before in this process.

    The 48 bits of milliseconds are continued by 12 bits of the millisecond's fraction (section
    6.2, method 3), so that ids sort by the order in which they were made; a clock that stands
    still or runs back is answered by counting on. The other 62 bits are random: processes that
    share an instant do not collide, and an id cannot be guessed from its neighbour.
    """
    global _last  # noqa: PLW0603  the order within a process is the process's own state
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    ticks = milliseconds << 12 | (nanoseconds << 12) // 1_000_000
    with _lock:
        _last = ticks = max(ticks, _last + 1)
    high, low = ticks >> 12, ticks & 0xFFF
    return UUID(int=high << 80 | _VERSION | low << 64 | _VARIANT | randbits(62))
