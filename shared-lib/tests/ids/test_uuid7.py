"""UUIDs of version 7."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

from shared_lib.ids import uuid7


def _milliseconds(uuid: UUID) -> int:
    return uuid.int >> 80


def test_version_and_variant_are_those_of_rfc_9562() -> None:
    for _ in range(1000):
        uuid = uuid7()
        assert uuid.version == 7
        assert uuid.variant == RFC_4122


def test_begins_with_the_milliseconds_since_1970() -> None:
    before = time.time_ns() // 1_000_000
    uuid = uuid7()
    after = time.time_ns() // 1_000_000
    assert before <= _milliseconds(uuid) <= after


def test_sorts_by_the_order_in_which_they_were_made() -> None:
    uuids = [uuid7() for _ in range(20_000)]
    assert uuids == sorted(uuids)
    assert [str(uuid) for uuid in uuids] == sorted(str(uuid) for uuid in uuids)
    assert len(set(uuids)) == len(uuids)


def test_threads_share_no_id() -> None:
    with ThreadPoolExecutor(8) as threads:
        uuids = [uuid for made in threads.map(_make_many, range(8)) for uuid in made]
    assert len({uuid.int >> 64 for uuid in uuids}) == len(uuids)


def _make_many(_: int) -> list[UUID]:
    return [uuid7() for _ in range(2_000)]


def test_the_last_62_bits_are_random() -> None:
    tails = {uuid7().int & ((1 << 62) - 1) for _ in range(1000)}
    assert len(tails) == 1000
    ones = [sum(tail >> bit & 1 for tail in tails) for bit in range(62)]
    assert all(300 < count < 700 for count in ones)
