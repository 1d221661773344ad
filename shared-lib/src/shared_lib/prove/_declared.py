"""What the tables of each database are declared to be, kept beside this module as data.

`make docs` writes the files from the services' declarations; a test of each service compares.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData

from shared_lib.tables import (
    Isolation,
    declarations_document,
    declarations_from,
    declared_keys,
    declared_tables,
)

_DIRECTORY = Path(__file__).with_name("declared")


@cache
def declared_in(database: str) -> dict[str, Isolation]:
    """The declared tables of `identity` or `product`. Raises OSError for another name."""
    return declarations_from(_document(database)["tables"])


@cache
def keys_declared_in(database: str) -> frozenset[str]:
    """The declared primary, unique and foreign keys. Raises OSError for another name."""
    return frozenset(_document(database)["keys"])


def declared_file(database: str) -> Path:
    """Where the declarations of `database` are kept."""
    return _DIRECTORY / f"{database}.json"


def declared_text(metadata: MetaData) -> str:
    """The text of the file for these tables."""
    document = {
        "tables": declarations_document(declared_tables(metadata)),
        "keys": sorted(declared_keys(metadata)),
    }
    return json.dumps(document, indent=1) + "\n"


def _document(database: str) -> Any:
    return json.loads(declared_file(database).read_text())
