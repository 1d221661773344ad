"""`phasezero prove` against a running system: it holds, and a fault in its database is found."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import MakeSystem
from tests.program import PHASEZERO
from tests.system import System

pytestmark = pytest.mark.database

DATABASES = ("catalogue", "behaviour", "connections")


@pytest.fixture(scope="module")
def proved(make_system: MakeSystem) -> System:
    return make_system()


def prove(system: System, *arguments: str) -> subprocess.CompletedProcess[str]:
    directory = Path(system.environ["DATA_DIR"])
    secrets = str(directory / "secrets.env")
    # The server's version is none of ours; the routes have a test of their own.
    return subprocess.run(  # noqa: S603 - our own program
        [str(PHASEZERO), "prove", "--env-file", secrets, "--accept", "version", *arguments],
        env={"PATH": "", "COLUMNS": "200"},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_everything_holds(proved: System) -> None:
    sections = [word for name in DATABASES for word in ("--section", name)]
    result = prove(proved, *sections)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 do not, " in result.stdout


def test_live_leaves_a_report_that_verifies(proved: System) -> None:
    urls = ("--live", proved.core.url, "--identity", proved.identity.url)
    result = prove(proved, *urls)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "behaviour" in result.stdout
    assert "not in an installation in use" in result.stdout
    directory = Path(proved.environ["DATA_DIR"])
    verify = ("verify", str(directory / "prove-report.json"), "--url", proved.core.url)
    verified = prove(proved, *verify)
    assert verified.returncode == 0, verified.stderr
    assert "everything held" in verified.stdout
    with (directory / "prove-report.json").open("a") as report:
        report.write("\n")
    assert prove(proved, *verify).returncode == 1


@pytest.mark.parametrize(
    ("section", "fault", "repair", "said"),
    [
        (
            "catalogue",
            "ALTER POLICY popups_app ON popups USING (true)",
            (
                "ALTER POLICY popups_app ON popups USING"
                " (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))"
            ),
            "policy popups.popups_app is ",
        ),
        (
            "catalogue",
            "ALTER TABLE popups DROP CONSTRAINT uq_popups_tenant_id_slug",
            "ALTER TABLE popups ADD CONSTRAINT uq_popups_tenant_id_slug UNIQUE (tenant_id, slug)",
            "key UNIQUE (tenant_id, slug) of popups is missing",
        ),
        (
            "behaviour",
            "ALTER TABLE popups NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE popups FORCE ROW LEVEL SECURITY",
            "popups: product_owner could SELECT another's row: it reached 1 row",
        ),
        (
            "connections",
            "ALTER POLICY organizations_app ON organizations USING (true)",
            (
                "ALTER POLICY organizations_app ON organizations USING"
                " (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))"
            ),
            "sees rows of {",
        ),
    ],
)
def test_a_fault_is_found(proved: System, section: str, fault: str, repair: str, said: str) -> None:
    proved.sql("product", fault)
    try:
        result = prove(proved, "--section", section)
    finally:
        proved.sql("product", repair)
    assert result.returncode == 1
    assert said in result.stdout
