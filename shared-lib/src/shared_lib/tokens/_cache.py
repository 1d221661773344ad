"""The tokens that were verified a moment ago: positive answers only, bounded in number and age."""

from collections import OrderedDict
from typing import TypeAlias

from shared_lib.tokens._claims import TokenData

__all__ = ["Slot", "VerifiedTokens"]

# SHA-256 of the token, and the audience that it was verified for.
Slot: TypeAlias = tuple[bytes, str]


class VerifiedTokens:
    """Least recently used go first. Holds digests: a dump of memory shows no token."""

    __slots__ = ("_entries", "_size")

    def __init__(self, size: int) -> None:
        self._entries: OrderedDict[Slot, tuple[TokenData, float]] = OrderedDict()
        self._size = size

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, slot: Slot, now: float) -> TokenData | None:
        """What was verified, or None when it never was or not lately enough."""
        entry = self._entries.get(slot)
        if entry is None:
            return None
        token, until = entry
        if now >= until:
            del self._entries[slot]
            return None
        self._entries.move_to_end(slot)
        return token

    def put(self, slot: Slot, token: TokenData, until: float) -> None:
        """Keep until the given instant, and at the price of the one used longest ago."""
        self._entries[slot] = (token, until)
        self._entries.move_to_end(slot)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def forget_key(self, kid: str) -> None:
        """Drop everything that was verified with this key."""
        for slot in [slot for slot, (token, _) in self._entries.items() if token.kid == kid]:
            del self._entries[slot]
