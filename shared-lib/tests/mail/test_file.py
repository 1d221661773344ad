"""Mail as files: whole, for the owner's eyes only, one for each mail."""

import stat
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from shared_lib.ids import uuid7
from shared_lib.mail import FileMailer, Mail, MailNotSent, MailRefused, parse_sender
from shared_lib.testing.mail import links_in, mails_in, text_of

SENDER = parse_sender("Zoë's “Cloud” <no-reply@exämple.com>")
LINK = f"https://app.example.com/accept#token={'x' * 120}&a=b"


def make_mail(**changes: Any) -> Mail:
    values = {
        "id": uuid4(),
        "to": "ada@example.org",
        "subject": "Grüße",
        "text": f"Grüße:\n\n{LINK}\n",
        "html": "<p>Grüße</p>\n",
    }
    return Mail(**{**values, **changes})


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def test_a_file_of_each_mail(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "mail"
    mail = make_mail()
    await FileMailer(directory, SENDER).send(mail)
    assert names_in(directory) == [f"{mail.id}.eml"]
    path = directory / f"{mail.id}.eml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    (found,) = mails_in(directory)
    assert found["Subject"] == "Grüße"
    assert found["Message-ID"] == f"<{mail.id}@xn--exmple-cua.com>"
    assert str(found["From"].addresses[0].display_name) == "Zoë's “Cloud”"
    assert text_of(found).replace("\r\n", "\n") == mail.text
    assert text_of(found, "html").replace("\r\n", "\n") == mail.html
    assert links_in(found) == [LINK]
    # For people who read the file itself: nothing is encoded.
    assert LINK in path.read_text()
    assert "Grüße" in path.read_text()


async def test_a_repeat_overwrites(tmp_path: Path) -> None:
    mail = make_mail(text="first\n")
    mailer = FileMailer(tmp_path, SENDER)
    await mailer.send(mail)
    await mailer.send(make_mail(id=mail.id, text="second\n"))
    (found,) = mails_in(tmp_path)
    assert text_of(found).strip() == "second"
    assert names_in(tmp_path) == [f"{mail.id}.eml"]


async def test_mails_are_found_in_the_order_of_their_ids(tmp_path: Path) -> None:
    mailer = FileMailer(tmp_path, SENDER)
    mails = [make_mail(id=uuid7(), to=f"{name}@example.org") for name in "cab"]
    for mail in reversed(mails):
        await mailer.send(mail)
    assert [found["To"] for found in mails_in(tmp_path)] == [mail.to for mail in mails]
    assert len(mails_in(tmp_path, to="a@example.org")) == 1


async def test_a_directory_that_is_none_is_for_now(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MailNotSent):
        await FileMailer(tmp_path / "file", SENDER).send(make_mail())


@pytest.mark.parametrize("to", ["ada", "ada@example.org\nBcc: eve@example.org", "ada@[::1]"])
async def test_what_is_no_address_is_refused(tmp_path: Path, to: str) -> None:
    with pytest.raises(MailRefused):
        await FileMailer(tmp_path, SENDER).send(make_mail(to=to))
    assert names_in(tmp_path) == []


async def test_an_address_beyond_ascii(tmp_path: Path) -> None:
    mail = make_mail(to="zoë@exämple.com")
    await FileMailer(tmp_path, SENDER).send(mail)
    assert "zoë@xn--exmple-cua.com" in (tmp_path / f"{mail.id}.eml").read_text()
