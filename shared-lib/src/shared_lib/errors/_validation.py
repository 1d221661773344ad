"""What FastAPI found wrong with a request, without the values: they may be secrets."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared_lib.errors._api_error import FieldError
from shared_lib.errors._standard import ValidationFailed

_MOST_ERRORS = 50
_LONGEST_FIELD = 200

# pydantic's parts of a message that are made of what was sent
_FROM_INPUT = ("error", "reason", "tag")
_WITHOUT_INPUT = {
    "union_tag_invalid": "Input has an unknown tag",
    "json_invalid": "The body is not valid JSON",
}


def validation_failed(errors: Sequence[Mapping[str, Any]]) -> ValidationFailed:
    """The coded error for pydantic's list: at most 50 entries, each with the dotted path of the
    value, pydantic's type of error as code, and a message that repeats nothing that was sent.
    """
    return ValidationFailed(errors=[_field_error(error) for error in errors[:_MOST_ERRORS]])


def _field_error(error: Mapping[str, Any]) -> FieldError:
    code: str = error["type"]
    location: Sequence[Any] = error["loc"]
    if code == "json_invalid":
        location = location[:1]  # what follows is the position in the text
    field = ".".join(str(part) for part in location)
    return FieldError(field[:_LONGEST_FIELD], code, _message(code, error))


def _message(code: str, error: Mapping[str, Any]) -> str:
    if code in _WITHOUT_INPUT:
        return _WITHOUT_INPUT[code]
    message: str = error["msg"].removeprefix("Value error, ")
    context: Mapping[str, Any] = error.get("ctx") or {}
    for name in _FROM_INPUT:
        part = context.get(name)
        # An exception is a validator's own and says what its author wrote.
        if isinstance(part, str) and part in message:
            message = message[: message.index(part)].rstrip(" ,:'")
    return message
