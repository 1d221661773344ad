"""What the tables of each database are declared to be, kept beside this module as data.

`make docs` writes the files from the services' declarations; a test of each service compares.
"""

import json
from functools import cache
from pathlib import Path

from sqlalchemy import MetaData

from shared_lib.tables import (
    Isolation,
    declarations_document,
    declarations_from,
    declared_tables,
)

_DIRECTORY = Path(__file__).with_name("declared")


@cache
def declared_in(database: str) -> dict[str, Isolation]:
    """The declared tables of `identity` or `product`. Raises OSError for another name."""
    return declarations_from(json.loads(declared_file(database).read_text()))


def declared_file(database: str) -> Path:
    """Where the declarations of `database` are kept."""
    return _DIRECTORY / f"{database}.json"


def declared_text(metadata: MetaData) -> str:
    """The text of the file for these tables."""
    return json.dumps(declarations_document(declared_tables(metadata)), indent=1) + "\n"
