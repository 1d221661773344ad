"""All hostile tokens."""

from shared_lib.testing.hostile._claims import CLAIMS
from shared_lib.testing.hostile._headers import HEADERS
from shared_lib.testing.hostile._json import JSON
from shared_lib.testing.hostile._keys import ALGORITHMS, KEYS, SIGNATURES
from shared_lib.testing.hostile._kinds import KINDS
from shared_lib.testing.hostile._structure import ENCODING, STRUCTURE
from shared_lib.testing.hostile._vector import HostileToken

__all__ = ["HOSTILE_TOKENS"]

HOSTILE_TOKENS: tuple[HostileToken, ...] = (
    *STRUCTURE,
    *ENCODING,
    *JSON,
    *HEADERS,
    *ALGORITHMS,
    *KEYS,
    *SIGNATURES,
    *CLAIMS,
    *KINDS,
)
