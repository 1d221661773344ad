"""The wall clock."""

import time
from datetime import UTC

from shared_lib.clock import utc_now


def test_now_is_aware_and_in_utc() -> None:
    before = time.time()
    now = utc_now()
    assert now.tzinfo is UTC
    assert before <= now.timestamp() <= time.time()
