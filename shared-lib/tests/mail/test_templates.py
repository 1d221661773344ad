"""Templates: what authors may forget, and what values cannot do."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jinja2
import pytest
from markupsafe import Markup

from shared_lib.mail import Templates
from shared_lib.mail._templates import quoted, shorten, spell_time

HTML = '{% extends "base.html" %}{% block content %}<p>{{ name }}</p>{% endblock %}'
LOOK = {"product": "Phase Zero", "web_url": "https://app.example.com"}
JOINER = "\u2060"


def templates(directory: Path, text: str, html: str = HTML) -> Templates:
    (directory / "sample.txt").write_text(text)
    (directory / "sample.html").write_text(html)
    return Templates(directory)


def render(directory: Path, text: str, html: str = HTML, **values: Any) -> tuple[str, str, str]:
    return templates(directory, text, html).render("sample", **LOOK, **values)


def test_a_mail_has_two_forms(tmp_path: Path) -> None:
    subject, text, html = render(
        tmp_path, "Subject: For {{ name }}\n\nHello {{ name }}!\n\n", name="Ada & Co <x>"
    )
    assert subject == "For Ada & Co <x>"
    assert text == "Hello Ada & Co <x>!\n"
    assert "<p>Ada &amp; Co &lt;x&gt;</p>" in html
    assert "<title>For Ada &amp; Co &lt;x&gt;</title>" in html


def test_html_loads_nothing_and_is_told_what_it_is(tmp_path: Path) -> None:
    _, _, html = render(tmp_path, "Subject: x\n\ny\n", name="Ada")
    assert html.startswith("<!doctype html>")
    for loading in ("<img", "<link", "<script", "url(", "@import", "src="):
        assert loading not in html
    assert '<html lang="en">' in html
    assert 'content="light dark"' in html


@pytest.mark.parametrize(
    "name",
    [
        "x\nBcc: eve@example.com",
        "x\r\n\r\nbody",
        "x\u2028y",
        "x\x85y",
        "\x00x\x1b[31m",
        "x\u202ey",
        "x" * 5000,
        "\ud800x",
    ],
)
def test_no_value_makes_a_second_line(tmp_path: Path, name: str) -> None:
    text = "Subject: For {{ name }}\n\nHello {{ name }}!\nSecond\n"
    subject, body, html = render(tmp_path, text, name=name)
    assert subject.isprintable()
    assert len(subject) <= 200
    assert len(body.split("\n")) == 3
    assert "".join(body.split("\n")).isprintable()
    for form in (subject, body, html):
        form.encode()


def test_a_quoted_name_may_stand_in_the_subject(tmp_path: Path) -> None:
    subject, text, html = render(
        tmp_path, "Subject: {{ name | quoted }}\n\n{{ name | quoted }}\n", name="evil.com"
    )
    assert subject == "“evil.com”"
    assert "evil.com" not in text
    assert "evil.com" not in html.replace("<p>evil.com</p>", "")


def test_nobody_declares_a_value_to_be_html(tmp_path: Path) -> None:
    _, _, html = render(tmp_path, "Subject: x\n\ny\n", name=Markup("<b>bold</b>"))
    assert "<p>&lt;b&gt;bold&lt;/b&gt;</p>" in html


def test_a_value_is_no_template(tmp_path: Path) -> None:
    _, text, html = render(tmp_path, "Subject: x\n\n{{ name }}\n", name="{{ 7 * 7 }}{% x %}")
    assert "{{ 7 * 7 }}" in text
    assert "49" not in text + html.partition("<body")[2]


def test_a_missing_value_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(jinja2.UndefinedError):
        render(tmp_path, "Subject: x\n\n{{ nam }}\n", name="x")
    with pytest.raises(jinja2.UndefinedError):
        render(tmp_path, "Subject: x\n\ny\n")


def test_a_mail_without_subject_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Subject"):
        render(tmp_path, "Hello\n", name="x")


def test_what_is_not_whole_is_told_of_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Templates(tmp_path)
    with pytest.raises(jinja2.TemplateSyntaxError):
        templates(tmp_path, "Subject: {{ x\n")
    (tmp_path / "sample.txt").write_text("Subject: x\n")
    (tmp_path / "other.html").write_text("x")
    with pytest.raises(FileNotFoundError):
        Templates(tmp_path)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Acme", "“Acme”"),
        ("St. Mary & Sons, Inc.", "“St. Mary & Sons, Inc.”"),
        ("Click http://evil.com", f"“Click http:{JOINER}/{JOINER}/{JOINER}evil.{JOINER}com”"),
        ("evil.com", f"“evil.{JOINER}com”"),
        ("a@b.c", f"“a@{JOINER}b.{JOINER}c”"),
        ("a” said the “mail", '“a" said the "mail”'),
        ("two\nlines\t here ", "“two lines here”"),
        ("x" * 100, f"“{'x' * 59}…”"),
        ("", "“”"),
        (7, "“7”"),
    ],
)
def test_what_people_wrote_is_quoted_and_becomes_no_link(written: object, shown: str) -> None:
    assert quoted(written) == shown


def test_instants_are_spelt_in_utc() -> None:
    instant = datetime(2026, 11, 2, 23, 5, tzinfo=timezone(timedelta(hours=-2)))
    assert spell_time(instant) == "3 November 2026, 01:05 UTC"
    assert spell_time(datetime(2026, 1, 31, tzinfo=UTC)) == "31 January 2026, 00:00 UTC"
    with pytest.raises(ValueError, match="zone"):
        spell_time(datetime(2026, 1, 31))  # noqa: DTZ001


def test_shortening() -> None:
    assert [shorten(text, 3) for text in ("", "abc", "abcd", "a  d")] == ["", "abc", "ab…", "a…"]
