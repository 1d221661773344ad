"""URLs and the format of the file of secrets, without a server."""

from pathlib import Path

import pytest

from infra.postgres.roles import identifier, literal
from infra.postgres.secrets_file import read_variables, write_variables
from infra.postgres.urls import UrlError, driver_url, password_in, service_url


def test_the_driver_and_sqlalchemy_name_tls_differently() -> None:
    given = "postgres://admin:secret@db.example.com:6432/postgres?sslmode=require"
    service = service_url(given, "product", "product_app", "p/w:d@")
    assert service == (
        "postgresql+asyncpg://product_app:p%2Fw%3Ad%40@db.example.com:6432/product?ssl=require"
    )
    assert password_in(service) == "p/w:d@"
    assert driver_url(service) == (
        "postgresql://product_app:p%2Fw%3Ad%40@db.example.com:6432/product?sslmode=require"
    )
    assert driver_url(given, "identity").endswith(":6432/identity?sslmode=require")
    assert service_url(given, "product").startswith("postgresql+asyncpg://admin:secret@")


@pytest.mark.parametrize("url", ["mysql://a/b", "db.example.com/product", "postgresql://a/b?x=y"])
def test_urls_that_cannot_be_used_are_refused(url: str) -> None:
    with pytest.raises(UrlError):
        driver_url(url)


def test_the_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "made" / "secrets.env"
    assert read_variables(path) == {}
    values = {"A": "x=y", "B": "", "C": "postgresql://u:p@h/d?ssl=require"}
    write_variables(path, values)
    assert read_variables(path) == values
    assert path.stat().st_mode & 0o777 == 0o600


def test_hand_written_files_may_have_comments_quotes_and_export(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# comment\n\nexport A = 1 \nB=\"two words\"\nC='#'\nD='\n")
    assert read_variables(path) == {"A": "1", "B": "two words", "C": "#", "D": "'"}


@pytest.mark.parametrize("line", ["hunter2", "two words=hunter2", "=hunter2"])
def test_a_wrong_line_is_named_without_its_text(tmp_path: Path, line: str) -> None:
    path = tmp_path / ".env"
    path.write_text(f"A=1\n{line}\n")
    with pytest.raises(ValueError, match="line 2") as raised:
        read_variables(path)
    assert "hunter2" not in str(raised.value)


def test_texts_and_names_are_quoted_for_sql() -> None:
    assert literal("o'clock \\") == "E'o''clock \\\\'"
    assert identifier("product_app") == '"product_app"'
    for name in ('a"b', "", "1a", "a" * 64, "a b", "a;b"):
        with pytest.raises(ValueError, match="not the name"):
            identifier(name)
    with pytest.raises(ValueError, match="NUL"):
        literal("\0")
