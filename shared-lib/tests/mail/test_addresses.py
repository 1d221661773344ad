"""Addresses: odd ones arrive, and what is none injects nothing."""

import pytest
from tests.mail.conftest import mailer_for, make_mail

from shared_lib.mail import MailRefused
from shared_lib.testing.mail import MailServer


@pytest.mark.parametrize(
    ("to", "envelope"),
    [
        ("o'neil+news@example.co.uk", "o'neil+news@example.co.uk"),
        ("zoe@exämple.com", "zoe@xn--exmple-cua.com"),
        ("zoe@straße.de", "zoe@xn--strae-oqa.de"),
        ("zoë@exämple.com", "zoë@xn--exmple-cua.com"),
        ('"a b"@example.com', '"a b"@example.com'),
        ('"a,b"@example.com', '"a,b"@example.com'),
        ("a..b@example.com", "a..b@example.com"),
        ("root@localhost", "root@localhost"),
        ("ADA@EXAMPLE.com", "ADA@example.com"),
    ],
)
async def test_odd_addresses(server: MailServer, to: str, envelope: str) -> None:
    async with server.listening():
        await mailer_for(server).send(make_mail(to))
    (received,) = server.received
    assert received.recipients == [envelope]
    # Python's parser keeps bytes beyond ASCII as surrogates.
    shown = received.message["To"].addresses[0].addr_spec.encode("utf-8", "surrogateescape")
    assert shown.decode() == envelope


async def test_an_address_that_the_server_cannot_take_is_refused(server: MailServer) -> None:
    async with server.listening(utf8=False):
        with pytest.raises(MailRefused):
            await mailer_for(server).send(make_mail("zoë@example.com"))
        await mailer_for(server).send(make_mail("zoe@exämple.com"))


HOSTILE = [
    "",
    "@",
    "ada",
    "@example.com",
    "ada@",
    "ada@example.com\r\nBcc: eve@example.com",
    "ada@example.com\nRCPT TO:<eve@example.com>",
    "ada@example.com>\r\nRCPT TO:<eve@example.com",
    "ada@example.com, eve@example.com",
    "eve@example.com,ada@example.com",
    "Ada <ada@example.com>",
    "<ada@example.com>",
    '"ada\r\nBcc: x"@example.com',
    '"ada"b"@example.com',
    "ada@exam ple.com",
    "a da@example.com",
    "ada@example..com",
    "ada@-example.com",
    "ada@example.com.",
    "ada@[127.0.0.1]",
    "ada\x00@example.com",
    "ada\u202e@example.com",
    "ada\u2028@example.com",
    f"{'a' * 65}@example.com",
    f"ada@{'a' * 64}.com",
    f"ada@{'a.' * 130}com",
    "ada@\ud800.com",
]


@pytest.mark.parametrize("to", HOSTILE)
async def test_what_is_no_address_is_refused_and_injects_nothing(
    server: MailServer, to: str
) -> None:
    async with server.listening():
        with pytest.raises(MailRefused) as refused:
            await mailer_for(server).send(make_mail(to))
    assert server.commands == []
    assert "example.com" not in str(refused.value)


@pytest.mark.parametrize(
    "subject", ["a\nBcc: eve@example.com", "a\r\n\r\nbody", "a\x00", "a\u2028b"]
)
def test_a_subject_is_one_line(subject: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        make_mail(subject=subject)
