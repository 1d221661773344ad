"""The report of `phasezero prove` as a file, its signature beside it, and the verifier."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from shared_lib.audit import (
    REPORT,
    AuditKey,
    AuditKeyUnknown,
    AuditSignatureRefused,
    read_audit_keys,
    verify_detached,
)
from shared_lib.checks import Check
from shared_lib.cli._checks import report_of
from shared_lib.clock import utc_now

__all__ = ["signature_of", "verify", "write_report"]

_HTTP_SECONDS = 10.0
_WELL_KNOWN = "/.well-known/audit-keys.json"


def signature_of(report: Path) -> Path:
    """The file of its signature."""
    return report.with_name(f"{report.name}.jws")


def write_report(path: Path, checks: Sequence[Check], key: AuditKey, about: dict[str, Any]) -> None:
    """Write the report and, beside it, the detached signature over its bytes. Raises OSError."""
    made_at = utc_now().isoformat(timespec="seconds")
    report = {"report": "phasezero prove", "made_at": made_at, **about, **report_of(checks)}
    content = (json.dumps(report, indent=2) + "\n").encode()
    path.write_bytes(content)
    signature_of(path).write_text(f"{key.sign(content, REPORT)}\n")


_Report = Annotated[Path, typer.Argument(help="The report.", exists=True, dir_okay=False)]
_Key = Annotated[
    Path | None,
    typer.Option(
        help="The public keys, as the core has published them: works offline.",
        exists=True,
        dir_okay=False,
        show_default=False,
    ),
]
_Url = Annotated[
    str | None, typer.Option(help="The core's URL, to ask for them.", show_default=False)
]
_Signature = Annotated[
    Path | None,
    typer.Option(help="The signature, if it is not FILE.jws.", exists=True, show_default=False),
]


def verify(file: _Report, key: _Key = None, url: _Url = None, signature: _Signature = None) -> None:
    """Verify that a report is, to the byte, what an audit key has signed; status 1 when not.

    It says nothing about the deployment of now, and it is worth what the keys are worth: whoever
    may change the file must not be able to change them.
    """
    if (key is None) == (url is None):
        typer.echo("give the keys by --key FILE or by --url URL", err=True)
        raise typer.Exit(2)
    try:
        keys = read_audit_keys(_document(key, url))
        content, jws = file.read_bytes(), (signature or signature_of(file)).read_text()
        kid = verify_detached(content, jws, keys, REPORT)
    except AuditKeyUnknown as error:
        _refuse(f"the key is unknown: {error}")
    except AuditSignatureRefused as error:
        _refuse(f"{file} was changed, or is not what was signed: {error}")
    except (OSError, ValueError, httpx.HTTPError) as error:
        _refuse(f"{type(error).__name__}: {error}")
    else:
        report = json.loads(content)
        verdict = "everything held" if report["holds"] else "not everything held"
        typer.echo(f"signed by {kid}: {verdict} at {report['made_at']}")


def _document(key: Path | None, url: str | None) -> bytes:
    if key is not None:
        return key.read_bytes()
    response = httpx.get(f"{url}{_WELL_KNOWN}", timeout=_HTTP_SECONDS, trust_env=False)
    return response.raise_for_status().content


def _refuse(text: str) -> None:
    typer.echo(text, err=True)
    raise typer.Exit(1)
