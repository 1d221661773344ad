"""What standard output gets, from a process of its own: logging is configured once per process."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from textwrap import dedent
from typing import Any

import pytest

from shared_lib.logging import hide_secrets

SECRET = "hunter2-correct-horse"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


def lines(program: str, level: str = "info") -> list[dict[str, Any]]:
    start = (
        "import logging, structlog\n"
        "from shared_lib.logging import configure_logging\n"
        f"configure_logging('sample', {level!r})\n"
        "log = structlog.get_logger('shared_lib.sample')\n"
    )
    result = subprocess.run(  # noqa: S603  # the programs of this file
        [sys.executable, "-W", "error", "-c", start + dedent(program)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert result.stderr == ""
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_line_says_when_who_and_what() -> None:
    (line,) = lines("log.info('popup_made', popup_id=7)")
    instant = datetime.fromisoformat(line.pop("timestamp"))
    assert instant.utcoffset() == timedelta(0)
    assert line == {
        "level": "info",
        "service": "sample",
        "logger": "shared_lib.sample",
        "event": "popup_made",
        "popup_id": 7,
    }


def test_the_standard_library_s_loggers_write_the_same_lines() -> None:
    (line,) = lines("logging.getLogger('uvicorn.error').warning('%s is slow', 'disk')")
    del line["timestamp"]
    assert line == {
        "level": "warning",
        "service": "sample",
        "logger": "uvicorn.error",
        "event": "disk is slow",
    }


def test_what_is_bound_to_the_request_is_on_both() -> None:
    found = lines(
        """
        structlog.contextvars.bind_contextvars(request_id='r-1')
        log.info('ours')
        logging.getLogger('theirs').info('theirs')
        """
    )
    assert [line["request_id"] for line in found] == ["r-1", "r-1"]


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_the_level_holds_for_both(level: str) -> None:
    found = lines(
        """
        for name in ('debug', 'info', 'warning', 'error'):
            getattr(log, name)(name)
            getattr(logging.getLogger('theirs'), name)(name)
        """,
        level,
    )
    order = ["debug", "info", "warning", "error"]
    expected = [name for name in order[order.index(level) :] for _ in range(2)]
    assert [line["event"] for line in found] == expected


def test_an_exception_is_one_line_with_its_traceback() -> None:
    found = lines(
        f"""
        def fail(password):
            raise RuntimeError('no connection to postgresql://app:{SECRET}@db/product')
        for write in (log.exception, logging.getLogger('theirs').exception):
            try:
                fail({SECRET!r})
            except RuntimeError:
                write('failed')
        """
    )
    assert [line["event"] for line in found] == ["failed", "failed"]
    for line in found:
        assert "RuntimeError: no connection to postgresql://app:[hidden]@db" in line["exception"]
        assert "in fail" in line["exception"]
        assert SECRET not in str(line)


def test_the_access_log_of_the_server_and_addresses_of_calls_are_silent() -> None:
    assert (
        lines(
            f"""
            logging.getLogger('uvicorn.access').error('GET /?code={SECRET}')
            logging.getLogger('httpx').info('GET https://x/?code={SECRET}')
            """
        )
        == []
    )


def test_secrets_are_hidden_in_both() -> None:
    found = lines(
        f"""
        log.info('Bearer {JWT}', password={SECRET!r}, nested={{'api_key': {SECRET!r}, 'n': 1}})
        logging.getLogger('theirs').info('Bearer %s', {JWT!r})
        """
    )
    assert found[0]["event"] == found[1]["event"] == "Bearer [hidden]"
    assert found[0]["password"] == "[hidden]"
    assert found[0]["nested"] == {"api_key": "[hidden]", "n": 1}


def test_what_has_no_json_form_is_written_as_text() -> None:
    found = lines(
        """
        log.info('x', kind=object, at=logging)
        log.info('x', half='\\ud800', large=2**80, kind=object)
        logging.getLogger('theirs').info('\\ud800')
        """
    )
    assert [line.get("kind") for line in found] == ["<class 'object'>", "<class 'object'>", None]
    assert found[1]["large"] == 2**80


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "Password",
        "client_secret",
        "access_token",
        "refresh_token",
        "Authorization",
        "cookie",
        "set-cookie",
        "api_key",
        "apikey",
        "private_key",
        "encryption_key",
        "client_assertion",
        "credentials",
    ],
)
def test_a_field_that_is_named_like_a_secret_is_hidden(name: str) -> None:
    for value in (SECRET, SECRET.encode(), [SECRET], {"x": SECRET}):
        assert hide_secrets(None, "info", {name: value}) == {name: "[hidden]"}
        assert SECRET not in str(hide_secrets(None, "info", {"a": [{"b": {name: value}}]}))


def test_numbers_and_other_fields_stay() -> None:
    event = {"tokens": 3, "secret": None, "kid": "k1", "request_id": "r", "status": 200}
    assert hide_secrets(None, "info", dict(event)) == event


def test_what_nests_too_deep_is_hidden_rather_than_followed() -> None:
    nested: dict[str, Any] = {"end": SECRET}
    for _ in range(50):
        nested = {"a": nested}
    assert SECRET not in str(hide_secrets(None, "info", nested))
