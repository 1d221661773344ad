"""Every mail of the service, in both forms, with values that mean harm."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import pytest

from app.core.mail import TEMPLATES
from shared_lib.testing.mail import elements_in

WEB = "https://app.example.com"
LINK = f"{WEB}/page#token=abc&more=%22"
AT = datetime(2026, 11, 20, 9, 5, tzinfo=UTC)
EVIL = (
    "Click http://evil.example, www.evil.example or evil.example now\r\nBcc: eve@evil.example\n\n"
    "<a href='https://evil.example'>x</a><img src=//evil.example/i>{{ link }}\u202e\x00“”"
)
LOOK = {"product": "Phase Zero", "web_url": WEB}
VALUES: dict[str, dict[str, Any]] = {
    "invitation": {
        "organization": EVIL,
        "role": "admin",
        "invited_by": EVIL,
        "link": LINK,
        "expires_at": AT,
    },
    "verify_sign_up": {"link": LINK, "expires_at": AT},
    "already_registered": {"sign_in_url": f"{WEB}/sign-in"},
    "reset_password": {"link": LINK, "expires_at": AT},
    "password_changed": {"changed_at": AT},
    "session_theft": {"signed_in_at": AT, "ended_at": AT},
}
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "p", "a", "br"),
    *("dl", "dt", "dd"),
}


def test_there_are_these_mails_and_no_others() -> None:
    assert TEMPLATES.names == sorted(VALUES)


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_mail_says_what_it_is_about_whatever_people_wrote(name: str) -> None:
    subject, text, html = TEMPLATES.render(name, **LOOK, **VALUES[name])
    assert subject.startswith("Phase Zero: ")
    assert subject.isprintable()
    assert len(subject) <= 200
    said = re.sub(r"\s+", " ", text)
    for value in VALUES[name].values():
        if value == AT:
            assert "20 November 2026, 09:05 UTC" in said
        elif value != EVIL:
            assert str(value) in said or value in {"read_only", "read_write"}
    assert "None" not in text + html


@pytest.mark.parametrize("name", sorted(VALUES))
def test_nobody_smuggles_links_or_markup_into_a_mail(name: str) -> None:
    values = VALUES[name]
    _, text, html = TEMPLATES.render(name, **LOOK, **values)
    ours = {WEB, *(str(value) for value in values.values() if str(value).startswith(WEB))}
    assert set(re.findall(r"\S+://\S+", text)) == ours
    tags, addresses = elements_in(html)
    assert tags <= TAGS
    assert addresses == ours
    # What mail programs make links of stands in neither form.
    for form in (text, html.partition("<body")[2]):
        assert "evil.example" not in form
        assert "://e" not in form
        assert "@e" not in form
        assert "\u202e" not in form
    lines = text.split("\n")
    assert all(line.replace("\u2060", "").isprintable() for line in lines)
    tame = {key: "Acme" if value == EVIL else value for key, value in values.items()}
    assert len(lines) == len(TEMPLATES.render(name, **LOOK, **tame)[1].split("\n"))


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_value_that_is_forgotten_is_an_error(name: str) -> None:
    for missing in VALUES[name]:
        values = {key: value for key, value in VALUES[name].items() if key != missing}
        with pytest.raises(jinja2.UndefinedError, match=missing):
            TEMPLATES.render(name, **LOOK, **values)


def test_templates_lie_beside_the_code() -> None:
    directory = Path(__file__).parents[2] / "app" / "templates" / "mail"
    assert {path.name for path in directory.iterdir()} == {
        f"{name}.{form}" for name in VALUES for form in ("txt", "html")
    }


def test_an_invitation_by_nobody_in_particular() -> None:
    values = VALUES["invitation"] | {"invited_by": None, "organization": "Acme"}
    _, text, html = TEMPLATES.render("invitation", **LOOK, **values)
    assert "you are invited to join the organization “Acme”" in re.sub(r"\s+", " ", text)
    assert "you are invited to join the organization “Acme”" in html
