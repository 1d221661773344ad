"""Logs: one JSON object per line on standard output, without secrets."""

import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger
from typing_extensions import override

_HIDDEN = "[hidden]"
_SECRET_NAME = re.compile(
    "passw|secret|token|authorization|cookie|credential|assertion"
    "|api_?key|private_?key|encryption_?key"
)
_TOO_DEEP = 6
_LEVELS = {"warn": "warning", "exception": "error"}
_PLAIN = frozenset({bool, int, float})

# A JWT, and the password of a URL, wherever they stand in a text.
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
_URL_PASSWORD = re.compile(r"(://[^\s:/@]*:)[^\s@]+@")

# They say nothing that the request's own line does not, and they show query strings.
_SILENCED = ("uvicorn.access",)
_QUIET = ("httpx", "httpcore", "asyncio")


class _StandardOutput:
    """Writes lines to whatever standard output is when they are written."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: bytes) -> None:
        stream = sys.stdout.buffer
        stream.write(line + b"\n")
        stream.flush()

    debug = info = warning = error = critical = fatal = exception = log = msg


class _Lines(logging.Handler):
    """The same for records of the standard library's loggers."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            _StandardOutput().msg(self.format(record).encode("utf-8", "backslashreplace"))
        except Exception:  # noqa: BLE001  # half a character, a number of 80 bits: a line nevertheless
            self.handleError(record)


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of fields that are named like secrets, at every depth, and the JWTs and
    URL passwords in any text.
    """
    for name, value in event.items():
        # Almost every value of almost every line ends here.
        if value is None or type(value) in _PLAIN:
            continue
        if type(value) is not str or "eyJ" in value or "://" in value or _names_secret(name):
            event[name] = _without_secrets(name, value, 0)
    return event


@lru_cache(maxsize=1024)
def _names_secret(name: str) -> bool:
    return _SECRET_NAME.search(name.lower()) is not None


def _without_secrets(name: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if _names_secret(name) or depth > _TOO_DEEP:
        return _HIDDEN
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, Mapping):
        return {
            str(key): _without_secrets(str(key), item, depth + 1) for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_secrets("", item, depth + 1) for item in value]
    return value


def _clean(text: str) -> str:
    if "eyJ" in text:
        text = _JWT.sub(_HIDDEN, text)
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\1{_HIDDEN}@", text)
    return text


def _render(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    try:
        return msgspec.json.encode(event, enc_hook=lambda value: _clean(str(value)))
    except Exception:  # noqa: BLE001  # half a character, a number of 80 bits: a line nevertheless
        return json.dumps(event, default=lambda value: _clean(str(value))).encode()


def _render_text(logger: WrappedLogger, method: str, event: EventDict) -> str:
    return _render(logger, method, event).decode()


def _in_one_go(service: str) -> Processor:
    """What the processors of `configure_logging` do, as one: it happens at every request."""

    def finish(logger: Any, method: str, event: EventDict) -> bytes:
        structlog.contextvars.merge_contextvars(logger, method, event)
        if "exc_info" in event:
            event = structlog.processors.format_exc_info(logger, method, event)
        hide_secrets(logger, method, event)
        event["logger"] = logger.name
        event["level"] = _LEVELS.get(method, method)
        event["timestamp"] = f"{datetime.now(UTC).isoformat().removesuffix('+00:00')}Z"
        event["service"] = service
        return _render(logger, method, event)

    return finish


def configure_logging(service: str, level: str) -> None:
    """Send structlog's and the standard library's logs to standard output as JSON lines.

    Each has `timestamp` (UTC), `level`, `service`, `logger`, `event`, what is bound to the
    request (`request_id`, `tenant_id`, `person`), and `exception` where there is one. `level` is
    `debug`, `info`, `warning` or `error`. The server's own access log is turned off; run it with
    `log_config=None`, or it puts it back.
    """

    def add_service(
        _logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        add_service,
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    structlog.configure(
        processors=[_in_one_go(service)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_StandardOutput,
        cache_logger_on_first_use=False,
    )
    _configure_standard_library(shared, level)


def _configure_standard_library(shared: list[Processor], level: str) -> None:
    handler = _Lines()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render_text],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", *_SILENCED, *_QUIET):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = name not in _SILENCED
        if name in _QUIET:
            logger.setLevel(max(logging.WARNING, root.level))
        logger.disabled = name in _SILENCED
