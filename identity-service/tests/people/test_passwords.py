"""Which passwords may be chosen (OWASP ASVS 5.0, section 6.2)."""

import pytest

from app.modules.people.domain import Weakness, weakness_of
from app.modules.people.service import PasswordTooWeak, check_password

EMAIL = "Ada.Lovelace@analytical-engine.example.com"


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "x9$kQ2!z",
        "no class of characters is asked for",
        "длинная фраза из слов",
        "🦔🦔 under the shed",
        "tr0ub4dor&3",
        " leading and trailing ",
        "o" + "kzwrmtvq" * 31,
    ],
)
def test_these_may_be_chosen(password: str) -> None:
    assert weakness_of(password, EMAIL) is None


@pytest.mark.parametrize(
    ("password", "weakness"),
    [
        ("", Weakness.TOO_SHORT),
        ("x9$kQ2!", Weakness.TOO_SHORT),
        ("e\u0301" * 7, Weakness.TOO_SHORT),  # counted as it is compared: composed
        ("x9$kQ2!z" * 33, Weakness.TOO_LONG),
        ("password", Weakness.TOO_COMMON),
        ("P@ssw0rd2026!", Weakness.TOO_COMMON),
        ("Passwort123", Weakness.TOO_COMMON),
        ("12345678", Weakness.TOO_COMMON),
        ("87654321", Weakness.TOO_COMMON),
        ("qwertyuiop", Weakness.TOO_COMMON),
        ("1q2w3e4r5t", Weakness.TOO_COMMON),
        ("aaaaaaaaaaaa", Weakness.TOO_COMMON),
        ("abcabcabcabc", Weakness.TOO_COMMON),
        ("iloveyou2", Weakness.TOO_COMMON),
        ("Summer2026!", Weakness.TOO_COMMON),
        ("PhaseZero1!", Weakness.TOO_COMMON),
        ("steelers", Weakness.TOO_COMMON),
        ("Q1W2E3R4", Weakness.TOO_COMMON),
        ("4815162342", Weakness.TOO_COMMON),
        ("Lovelace1815", Weakness.TOO_COMMON),
        ("analytical-1", Weakness.TOO_COMMON),
        ("AdaLovelace!", Weakness.TOO_COMMON),
        (EMAIL, Weakness.TOO_COMMON),
        (EMAIL.upper(), Weakness.TOO_COMMON),
    ],
)
def test_these_may_not(password: str, weakness: Weakness) -> None:
    assert weakness_of(password, EMAIL) is weakness


def test_the_refusal_names_the_field_and_not_the_password() -> None:
    with pytest.raises(PasswordTooWeak) as refused:
        check_password("hunter22", EMAIL, field="body.new_password")
    (error,) = refused.value.errors
    assert (error.field, error.code) == ("body.new_password", "too_common")
    assert "hunter22" not in error.message
    check_password("correct horse battery staple", EMAIL)
