"""What a request with an Idempotency-Key can be refused with."""

from typing import ClassVar

from shared_lib.errors import ApiError


class InvalidIdempotencyKey(ApiError):
    """The header is repeated, or no 1 to 255 visible ASCII characters."""

    code = "invalid_idempotency_key"
    status = 400
    title = "The Idempotency-Key is not acceptable"


class IdempotencyKeyReused(ApiError):
    """The same key came with another request: operation, organization, query or body differ."""

    code = "idempotency_key_reused"
    status = 409
    title = "This Idempotency-Key was used for another request"


class RequestInProgress(ApiError):
    """The request with this key has not ended yet."""

    code = "request_in_progress"
    status = 409
    title = "The same request is still in progress"
    default_headers: ClassVar = {"retry-after": "1"}


class RequestAlreadyDone(ApiError):
    """It was done, and its answer held a credential, which is not kept: only the id is told."""

    code = "request_already_done"
    status = 409
    title = "The same request was done before; its answer is not kept"

    def __init__(self, resource_id: str | None) -> None:
        super().__init__(extensions={"resource_id": resource_id})
