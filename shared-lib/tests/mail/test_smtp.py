"""Mail over SMTP, to a server that really listens: encryption, sign-in, refusals, time."""

import asyncio
import traceback
from pathlib import Path

import pytest
from tests.mail.conftest import LINK, SENDER, TO, Certificate, mailer_for, make_mail

from shared_lib.mail import AddressRefused, MailError, MailNotSent, MailRefused, SmtpMailer
from shared_lib.mail._smtp import SmtpServer
from shared_lib.testing.mail import MailServer, links_in, text_of
from shared_lib.testing.ports import reserved_port


async def test_a_mail_arrives_in_both_forms(server: MailServer) -> None:
    mail = make_mail()
    async with server.listening():
        await mailer_for(server).send(mail)
    (received,) = server.received
    message = received.message
    assert (received.sender, received.recipients) == ("no-reply@example.com", [TO])
    assert message["From"] == "Phase Zero <no-reply@example.com>"
    assert (message["To"], message["Subject"]) == (TO, mail.subject)
    assert message["Message-ID"] == f"<{mail.id}@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.tzinfo is not None
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "text/html",
    ]
    assert text_of(message).replace("\r\n", "\n") == mail.text
    assert text_of(message, "html").replace("\r\n", "\n") == mail.html
    assert links_in(message) == [LINK]


async def test_a_repeat_has_the_same_message_id(server: MailServer) -> None:
    mail = make_mail()
    async with server.listening():
        await mailer_for(server).send(mail)
        await mailer_for(server).send(mail)
    assert {received.message["Message-ID"] for received in server.received} == {
        f"<{mail.id}@example.com>"
    }


@pytest.mark.parametrize("implicit", [False, True])
async def test_it_is_encrypted(
    server: MailServer, certificate: Certificate, *, implicit: bool
) -> None:
    server.accounts = {"phase-zero": "s3cret"}
    async with server.listening(certificate.context, implicit=implicit):
        mailer = mailer_for(
            server,
            tls="implicit" if implicit else "starttls",
            ca_file=certificate.ca_file,
            username="phase-zero",
            password="s3cret",
        )
        await mailer.send(make_mail())
    (received,) = server.received
    assert received.encrypted
    assert received.username == "phase-zero"


async def test_a_server_without_encryption_gets_nothing(server: MailServer) -> None:
    async with server.listening():
        with pytest.raises(MailNotSent):
            await mailer_for(server, tls="starttls").send(make_mail())
    assert server.commands == []


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("known", [False, True])
async def test_a_certificate_of_another_gets_nothing(
    server: MailServer, others_certificate: Certificate, *, implicit: bool, known: bool
) -> None:
    """Neither one of an unknown authority nor one for another host."""
    async with server.listening(others_certificate.context, implicit=implicit):
        mailer = mailer_for(
            server,
            tls="implicit" if implicit else "starttls",
            ca_file=others_certificate.ca_file if known else None,
        )
        with pytest.raises(MailNotSent):
            await mailer.send(make_mail())
    assert server.commands == []


async def test_a_wrong_password_is_not_the_mails_fault(
    server: MailServer, certificate: Certificate
) -> None:
    server.accounts = {"phase-zero": "s3cret"}
    async with server.listening(certificate.context):
        mailer = mailer_for(
            server,
            tls="starttls",
            ca_file=certificate.ca_file,
            username="phase-zero",
            password="wr0ng",
        )
        with pytest.raises(MailNotSent, match="535"):
            await mailer.send(make_mail())
        nobody = mailer_for(server, tls="starttls", ca_file=certificate.ca_file)
        with pytest.raises(MailNotSent, match="530"):
            await nobody.send(make_mail())
    assert server.received == []


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_a_temporary_refusal_may_be_repeated(server: MailServer, command: str) -> None:
    server.answers = {command: [f"451 4.7.1 <{TO}> greylisted"]}
    mail = make_mail()
    async with server.listening():
        with pytest.raises(MailNotSent, match=r"answered 451 4\.7\.1$"):
            await mailer_for(server).send(mail)
        assert server.received == []
        await mailer_for(server).send(mail)
    assert len(server.received) == 1


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_a_permanent_refusal_is_one(server: MailServer, command: str) -> None:
    server.answers = {command: [f"550 5.1.1 <{TO}> unknown"]}
    async with server.listening():
        with pytest.raises(MailRefused, match=r"answered 550 5\.1\.1$") as raised:
            await mailer_for(server).send(make_mail())
    assert server.received == []
    assert isinstance(raised.value, AddressRefused) == (command == "RCPT")


async def test_a_mail_that_was_taken_is_sent_whatever_is_said_at_the_end(
    server: MailServer,
) -> None:
    server.answers = {"QUIT": ["421 4.3.2 going down"]}
    async with server.listening():
        await mailer_for(server).send(make_mail())
    assert len(server.received) == 1


async def test_nobody_there_is_for_now() -> None:
    with reserved_port() as port, pytest.raises(MailNotSent, match="could not be used"):
        await mailer_for(MailServer(port)).send(make_mail())
    elsewhere = SmtpServer(host="mail.invalid", port=25, tls="none", seconds=10)
    with pytest.raises(MailNotSent):
        await SmtpMailer(elsewhere, SENDER).send(make_mail())


@pytest.mark.parametrize("greeting", [b"", b"220 mail\r\n", b"554 5.3.2 no service\r\n", b"x\r\n"])
async def test_a_server_that_is_silent_or_rude_is_for_now(greeting: bytes) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await asyncio.sleep(0)
        connections.append(writer)

    connections: list[asyncio.StreamWriter] = []
    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server = SmtpServer(host="127.0.0.1", port=port, tls="none", seconds=0.3)
    async with listening:
        with pytest.raises(MailNotSent):
            await SmtpMailer(server, SENDER).send(make_mail())
        for writer in connections:
            writer.close()


async def test_a_server_that_answers_forever_is_given_up() -> None:
    """Each of its lines comes in time; the mail's own time ends it."""

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"220-still here\r\n")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            gone.set()

    gone = asyncio.Event()
    listening = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server = SmtpServer(host="127.0.0.1", port=port, tls="none", seconds=0.3)
    async with listening:
        with pytest.raises(MailNotSent, match="in time"):
            await SmtpMailer(server, SENDER).send(make_mail())
        await asyncio.wait_for(gone.wait(), 10)


@pytest.mark.parametrize("answer", ["450 4.2.1 <{}> later", "550 5.1.1 <{}> unknown"])
async def test_no_address_is_told_of_in_errors(server: MailServer, answer: str) -> None:
    server.answers = {"RCPT": [answer.format(TO)]}
    mail = make_mail()
    async with server.listening():
        with pytest.raises(MailError) as failure:
            await mailer_for(server).send(mail)
    told = "".join(traceback.format_exception(failure.value))
    assert TO not in told
    assert TO not in repr(mail)
    assert LINK not in repr(mail)


def test_a_password_is_not_shown() -> None:
    assert "s3cret" not in repr(SmtpServer(host="h", port=1, username="u", password="s3cret"))


async def test_a_mail_under_way_can_be_cancelled(server: MailServer) -> None:
    """As at SIGTERM: no waiting for a server that says nothing."""
    began = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(b"220 mail\r\n")
        await reader.readline()
        began.set()

    writers: list[asyncio.StreamWriter] = []
    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    silent = SmtpServer(host="127.0.0.1", port=port, tls="none", seconds=600)
    async with listening:
        sending = asyncio.create_task(SmtpMailer(silent, SENDER).send(make_mail()))
        await began.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(sending, 10)
        for writer in writers:
            writer.close()


def test_an_authority_that_is_not_there_is_told_of_at_once(tmp_path: Path) -> None:
    server = SmtpServer(host="h", port=1, ca_file=tmp_path / "none.pem")
    with pytest.raises(OSError, match="No such file"):
        SmtpMailer(server, SENDER)
