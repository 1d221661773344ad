"""The wall clock."""

import time
from datetime import UTC, datetime, timedelta

from shared_lib.clock import utc_now

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_now_is_aware_and_in_utc() -> None:
    before = time.time_ns() // 1000
    now = utc_now()
    after = time.time_ns() // 1000
    assert now.tzinfo is UTC
    assert before <= (now - EPOCH) // timedelta(microseconds=1) <= after
