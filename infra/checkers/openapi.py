"""openapi-spec-validator: whether the documents that the services serve are OpenAPI."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from infra.checkers.programs import run
from shared_lib.checks import Check

METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


def check(service: str, document: Mapping[str, Any]) -> Check:
    """Validate a document as it was served. Raises CheckerError."""
    with tempfile.TemporaryDirectory(prefix="phase-zero-openapi-") as directory:
        path = Path(directory) / f"{service}.json"
        path.write_text(json.dumps(document))
        outcome = run("openapi-spec-validator", "--validation-errors", "all", str(path))
    said = [] if outcome.status == 0 else _lines(outcome.output + outcome.errors)
    operations = operation_count(document)
    if not operations:
        said.append("it looked at nothing: no operations")
    return Check(
        section="openapi-spec-validator",
        name=f"openapi-spec-validator.{service}",
        says=f"the document of {service} is OpenAPI {document.get('openapi')}: "
        f"{operations} operations",
        faults=tuple(said),
    )


def operation_count(document: Mapping[str, Any]) -> int:
    """How many operations a document describes."""
    return sum(len(METHODS.intersection(path)) for path in document.get("paths", {}).values())


def _lines(text: str) -> list[str]:
    said = [line.strip() for line in text.splitlines() if "Validation Error" in line]
    return said or [text.strip()[-1000:]]
