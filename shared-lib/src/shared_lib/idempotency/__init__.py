"""Answers kept for requests that are sent again (draft-ietf-httpapi-idempotency-key-header)."""

from shared_lib.idempotency._errors import (
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
    RequestAlreadyDone,
    RequestInProgress,
)
from shared_lib.idempotency._store import AnswerStore, KeptAnswer

__all__ = [
    "AnswerStore",
    "IdempotencyKeyReused",
    "InvalidIdempotencyKey",
    "KeptAnswer",
    "RequestAlreadyDone",
    "RequestInProgress",
]
