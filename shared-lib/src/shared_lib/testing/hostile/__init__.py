"""The corpus of hostile tokens and transports, as data, and what a verifier does with it.

Clauses are those of RFC 8725 (best practices), 7515 (JWS), 7519 (JWT), 9068 (access tokens), 6750
(bearer tokens) and of what they build on; "ours" is docs/explanation/tokens.md.
"""

from shared_lib.testing.hostile._good import GOOD_TOKENS
from shared_lib.testing.hostile._page import corpus_page
from shared_lib.testing.hostile._refusal import (
    corpus_forger,
    good_tokens,
    hostile_tokens,
    unrefused,
    unrefused_transports,
)
from shared_lib.testing.hostile._structure import CAP, filled_to
from shared_lib.testing.hostile._tokens import HOSTILE_TOKENS
from shared_lib.testing.hostile._transports import GOOD_TRANSPORTS, HOSTILE_TRANSPORTS
from shared_lib.testing.hostile._vector import (
    GoodToken,
    GoodTransport,
    HostileToken,
    HostileTransport,
    Place,
    Sent,
)

__all__ = [
    "CAP",
    "GOOD_TOKENS",
    "GOOD_TRANSPORTS",
    "HOSTILE_TOKENS",
    "HOSTILE_TRANSPORTS",
    "GoodToken",
    "GoodTransport",
    "HostileToken",
    "HostileTransport",
    "Place",
    "Sent",
    "corpus_forger",
    "corpus_page",
    "filled_to",
    "good_tokens",
    "hostile_tokens",
    "unrefused",
    "unrefused_transports",
]
