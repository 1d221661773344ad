"""Which addresses are taken, and that two which differ in case only are written alike."""

import pytest
from pydantic import TypeAdapter, ValidationError

from shared_lib.addresses import EmailAddress, checked_address

ADDRESS: TypeAdapter[str] = TypeAdapter(EmailAddress)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada.Lovelace+news@Example.COM", "Ada.Lovelace+news@example.com"),
        ("  ada@example.com\n", "ada@example.com"),
        ("o'brien@mail.example.ie", "o'brien@mail.example.ie"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        (f"{'l' * 64}@example.com", f"{'l' * 64}@example.com"),
        (f"a@{'d' * 63}.example", f"a@{'d' * 63}.example"),
        ("a@3m.com", "a@3m.com"),
    ],
)
def test_what_people_have_is_taken(given: str, taken: str) -> None:
    assert ADDRESS.validate_python(given) == taken
    assert checked_address(taken) == taken


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "ada",
        "@example.com",
        "ada@",
        "ada@@example.com",
        "ada@example.com@example.com",
        "ada lovelace@example.com",
        "ada@exam ple.com",
        "ada@example.com\nBcc: all@example.com",
        "ada\r\n@example.com",
        "ada\x00@example.com",
        "ada\t@example.com",
        ".ada@example.com",
        "ada.@example.com",
        "a..b@example.com",
        '"ada"@example.com',
        "Ada <ada@example.com>",
        "ada@example.com, bob@example.com",
        "ada@localhost",
        "ada@[127.0.0.1]",
        "ada@127.0.0.1",
        "ada@-example.com",
        "ada@example-.com",
        "ada@example..com",
        "ada@example.com.",
        "ada@exa_mple.com",
        f"a@{'d' * 64}.example",
        f"{'l' * 65}@example.com",
        "a@" + ".".join(["d" * 60] * 4) + ".example.com",
        "ada@bücher.example",
        "ädä@example.com",
        "ada@example\uff0ecom",
        "\u212aate@example.com",
    ],
)
def test_what_is_none_is_refused_without_being_repeated(given: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ADDRESS.validate_python(given)
    (fault,) = refused.value.errors()
    assert given.strip() == "" or given not in fault["msg"]


def test_no_text_takes_long_to_refuse() -> None:
    for text in ("a" * 1_000_000, "a." * 126 + "@", "a@" + "a-" * 120, "a@" + "a." * 120):
        with pytest.raises(ValidationError):
            ADDRESS.validate_python(text)
