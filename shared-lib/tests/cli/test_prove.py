"""`phasezero prove`: what it says where nothing can be looked at, and the verifier of reports."""

import json
from pathlib import Path

import pytest

from shared_lib.audit import AuditKey, audit_key_set
from shared_lib.checks import Check, CheckState
from shared_lib.cli._prove_report import write_report
from shared_lib.cli._prove_work import accepted
from shared_lib.testing.operator import Operator

KEY = AuditKey.generate()
CHECKS = (Check("catalogue.product", "version", "the server has no known leak", ("old",)),)
QUIET = ("--section", "catalogue", "--section", "behaviour", "--section", "connections")


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path, {})


@pytest.fixture
def changed(report: Path) -> Path:
    """The same, which now says that everything held."""
    report.write_text(report.read_text().replace('"holds": false', '"holds": true'))
    return report


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A signed report, with the published keys beside it in `keys.json`."""
    path = tmp_path / "report.json"
    write_report(path, CHECKS, KEY, {"live": True})
    (tmp_path / "keys.json").write_text(json.dumps(audit_key_set([KEY.public])))
    return path


async def test_nothing_looked_at_proves_nothing(operator: Operator) -> None:
    result = await operator.run("prove", *QUIET)
    assert result.status == 1
    assert "PROVE_PRODUCT_DATABASE_URL" in result.out
    assert "MIGRATION_IDENTITY_DATABASE_URL" in result.out
    assert "0 hold, 0 do not, 6 not looked at" in result.out


async def test_what_cannot_be_reached_is_a_fault(operator: Operator) -> None:
    url = "postgresql://nobody@127.0.0.1:1/nowhere"
    operator.settings["PROVE_PRODUCT_DATABASE_URL"] = url
    result = await operator.run("prove", "--section", "catalogue", "--json")
    assert result.status == 1
    (_, check) = json.loads(result.out)["checks"]
    assert check["faults"][0].startswith("ConnectionRefusedError")


async def test_a_report_without_a_key_is_refused_at_once(
    operator: Operator,
) -> None:
    result = await operator.run("prove", "--report", "report.json")
    assert result.status == 2
    assert "AUDIT_SIGNING_KEY is not set" in result.err


@pytest.mark.parametrize("name", ["version", "catalogue.product.version"])
def test_accepted_faults_are_told_and_do_not_count(name: str) -> None:
    (check,) = accepted(CHECKS, [name])
    assert check.state is CheckState.SKIPPED
    assert check.skipped == "accepted by you: old"


def test_nothing_else_is_accepted() -> None:
    names = ["versions", "catalogue.identity.version", "catalogue.product"]
    assert accepted(CHECKS, names) == list(CHECKS)


async def test_a_signed_report_verifies_offline(operator: Operator, report: Path) -> None:
    keys = report.with_name("keys.json")
    result = await operator.run("prove", "verify", str(report), "--key", str(keys))
    assert result.status == 0, result.err
    assert f"signed by {KEY.kid}: not everything held at " in result.out


def test_the_report_says_what_was_found(report: Path) -> None:
    written = json.loads(report.read_text())
    assert (written["live"], written["holds"]) == (True, False)
    assert written["checks"][0]["faults"] == ["old"]


async def test_a_change_is_said(operator: Operator, changed: Path) -> None:
    keys = changed.with_name("keys.json")
    result = await operator.run("prove", "verify", str(changed), "--key", str(keys))
    assert result.status == 1
    assert "was changed, or is not what was signed" in result.err


async def test_an_unknown_key_is_said(operator: Operator, report: Path) -> None:
    keys = report.with_name("keys.json")
    keys.write_text(json.dumps(audit_key_set([AuditKey.generate().public])))
    result = await operator.run("prove", "verify", str(report), "--key", str(keys))
    assert result.status == 1
    assert f"the key is unknown: signed with the key {KEY.kid}" in result.err


async def test_the_keys_come_from_one_place(operator: Operator, report: Path) -> None:
    assert (await operator.run("prove", "verify", str(report))).status == 2
