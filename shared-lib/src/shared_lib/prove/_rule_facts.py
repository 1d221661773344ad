"""What the rules of the catalogue have in common: which tables and whose exceptions."""

from collections.abc import Iterator

from shared_lib.prove._catalogue import Catalogue
from shared_lib.prove._exceptions import EXCEPTIONS, Exceptions

Faults = Iterator[str]

ALEMBIC = "alembic_version"


def exceptions(catalogue: Catalogue) -> Exceptions:
    """What is allowed in this database beyond the rules."""
    return EXCEPTIONS[catalogue.database]


def tenant_tables(catalogue: Catalogue) -> frozenset[str]:
    """The tables with a `tenant_id`, but for those that are listed as global."""
    return frozenset(
        table["name"]
        for table in catalogue.tables
        if table["has_tenant"] and table["name"] not in exceptions(catalogue).global_with_tenant
    )


def role_kind(catalogue: Catalogue, role: str) -> str:
    """`app` of `product_app`."""
    return role.removeprefix(f"{catalogue.database}_")
