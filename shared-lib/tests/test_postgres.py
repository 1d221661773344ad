"""URLs as SQLAlchemy has them and as the driver reads them."""

import pytest

from shared_lib.postgres import driver_url


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("postgresql+asyncpg://a:b@host:1/db", "postgresql://a:b@host:1/db"),
        ("postgresql+asyncpg://a@host/db?ssl=require", "postgresql://a@host/db?sslmode=require"),
        ("postgresql://a:p%40ss@host/db", "postgresql://a:p%40ss@host/db"),
    ],
)
def test_driver_url(given: str, read: str) -> None:
    assert driver_url(given) == read
