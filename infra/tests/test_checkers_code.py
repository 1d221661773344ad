"""bandit, pip-audit and openapi-spec-validator: each fails on one fault, and on nothing to read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typing_extensions import override

from infra.checkers import bandit, openapi, pip_audit
from infra.checkers.findings import Acceptance, Accepted
from infra.checkers.programs import Outcome
from shared_lib.checks import CheckState

SHELL = "import os\nos.system('ls ' + input())\n"
LOCK = """
[[package]]
name = "jinja2"
version = "2.4.1"
source = { registry = "https://example.com/simple" }

[[package]]
name = "phase-zero"
version = "0.1.0"
source = { virtual = "." }
"""
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:9", "PIP_AUDIT_OSV_URL": "http://127.0.0.1:9/v1/query"}


def test_bandit_finds_a_shell(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(SHELL)
    check = bandit.check(Accepted(), tmp_path, ["code.py"])
    assert check.state is CheckState.FAILED
    assert "B605 at code.py: os.system('ls ' + input())" in check.faults[0]


def test_bandit_heeds_what_ruff_heeds(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(SHELL.rstrip() + "  # noqa: S605, S607\n")
    assert bandit.check(Accepted(), tmp_path, ["code.py"]).faults == ()
    (tmp_path / "code.py").write_text(SHELL.rstrip() + "  # noqa: S603\n")
    assert bandit.check(Accepted(), tmp_path, ["code.py"]).faults


def test_bandit_without_code_has_looked_at_nothing(tmp_path: Path) -> None:
    assert bandit.check(Accepted(), tmp_path, ["."]).faults == ("it looked at nothing: no files",)


def test_a_broken_document_is_told() -> None:
    operation = {"responses": {"200": {"description": "OK"}}}
    sound = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}}
    sound["paths"] = {"/a": {"get": operation}}
    assert openapi.check("core", sound).faults == ()
    broken = {**sound, "paths": {"/a": {"get": {"responses": {"200": {}}}}}}
    faults = openapi.check("core", broken).faults
    assert len(faults) == 1
    assert "Validation Error" in faults[0]


def test_a_document_without_operations_is_told() -> None:
    document = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}}
    assert openapi.check("core", document).faults == ("it looked at nothing: no operations",)


def test_an_audit_that_reaches_nobody_says_that_it_was_not_run(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text(LOCK)
    check = pip_audit.check(Accepted(), tmp_path / "uv.lock", NOWHERE)
    assert check.state is CheckState.SKIPPED
    assert check.skipped == "no data about 1 of 1 packages from pypi and osv"


def test_a_vulnerable_package_is_told(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text(LOCK)
    with vulnerabilities() as url:
        environment = {**NOWHERE, "PIP_AUDIT_OSV_URL": url, "NO_PROXY": "127.0.0.1"}
        check = pip_audit.check(Accepted(), tmp_path / "uv.lock", environment)
        listed = Acceptance(pip_audit.NAME, "PYSEC-1", "jinja2 2.4.1", "Only templates of our own.")
        accepting = Accepted([listed])
        accepted = pip_audit.check(accepting, tmp_path / "uv.lock", environment)
    assert check.faults == ("PYSEC-1 at jinja2 2.4.1: repaired in 2.4.2",)
    assert accepted.state is CheckState.PASSED


@contextmanager
def vulnerabilities() -> Iterator[str]:
    """A database of vulnerabilities that knows one, of every package."""
    answer = {"vulns": [_VULNERABILITY]}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        @override
        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    server.server_close()


_PACKAGE = {"name": "jinja2", "ecosystem": "PyPI"}
_EVENTS = [{"introduced": "0"}, {"fixed": "2.4.2"}]
_VULNERABILITY = {
    "id": "PYSEC-1",
    "summary": "It is broken",
    "details": "It is broken",
    "modified": "2026-01-01T00:00:00Z",
    "affected": [{"package": _PACKAGE, "ranges": [{"type": "ECOSYSTEM", "events": _EVENTS}]}],
}


@pytest.mark.parametrize("output", ["", "Traceback (most recent call last):"])
def test_an_audit_without_a_report_audited_nothing(output: str) -> None:
    assert pip_audit.audit("osv", Outcome(1, output, "")).audited == 0
