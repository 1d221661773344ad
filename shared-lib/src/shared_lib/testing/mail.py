"""Mails in tests: those that became files, and a mail server that answers as it is told."""

import asyncio
import re
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from typing_extensions import override

# Settings of mail with which production starts; no server is asked before a mail is sent.
REAL_MAIL = {
    "smtp_host": "mail.example.com",
    "mail_from": "Phase Zero <no-reply@example.com>",
    "web_url": "https://app.example.com",
}
_LINK = re.compile(r"https?://\S+")


def read_mail(content: bytes) -> EmailMessage:
    """A mail as it was sent or written."""
    return message_from_bytes(content, policy=SMTPUTF8)


def mails_in(directory: Path, to: str | None = None) -> list[EmailMessage]:
    """The mails that became files in `directory`, oldest first; those to one address, or all."""
    mails = [read_mail(path.read_bytes()) for path in sorted(directory.glob("*.eml"))]
    return [mail for mail in mails if to is None or mail["To"] == to]


def text_of(mail: EmailMessage, form: str = "plain") -> str:
    """The mail's text, or its `html`. Raises LookupError when it has none."""
    part = mail.get_body((form,))
    if part is None:
        raise LookupError(f"the mail has no {form} form")
    return str(part.get_content())


def links_in(mail: EmailMessage) -> list[str]:
    """The links of the mail's text, in order."""
    return _LINK.findall(text_of(mail))


class _Elements(HTMLParser):
    """The tags of a page, and where it points or loads from."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: set[str] = set()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses |= {str(value) for name, value in attrs if name in {"href", "src"}}


def elements_in(html: str) -> tuple[set[str], set[str]]:
    """The tags of `html`, and every address that it points to or loads from."""
    elements = _Elements()
    elements.feed(html)
    return elements.tags, elements.addresses


@dataclass(frozen=True)
class Received:
    """A mail that the server took, and how it came."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    encrypted: bool
    username: str | None


@dataclass
class MailServer:
    """A mail server on 127.0.0.1. `answers` holds, by command, what it says next, in order:
    `{"RCPT": ["451 4.7.1 Later"]}`; when there is nothing left, it takes what it is given.
    """

    port: int = 0
    answers: dict[str, list[str]] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def _next(self, command: str) -> str | None:
        self.commands.append(command)
        waiting = self.answers.get(command)
        return waiting.pop(0) if waiting else None

    async def handle_MAIL(  # noqa: D102, N802  aiosmtpd's names
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self._next("MAIL"):
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: D102, N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        if refusal := self._next("RCPT"):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: D102, N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if refusal := self._next("DATA"):
            return refusal
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.received.append(
            Received(
                sender=envelope.mail_from or "",
                recipients=list(envelope.rcpt_tos),
                message=read_mail(content),
                encrypted=_is_encrypted(server, session),
                username=str(session.auth_data) if session.authenticated else None,
            )
        )
        return "250 OK"

    async def handle_QUIT(  # noqa: D102, N802
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        return self._next("QUIT") or "221 Bye"

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False)
        username = data.login.decode()
        known = self.accounts.get(username) == data.password.decode()
        return AuthResult(success=known, handled=False, auth_data=username)

    @asynccontextmanager
    async def listening(
        self, tls: ssl.SSLContext | None = None, *, implicit: bool = False, utf8: bool = True
    ) -> AsyncIterator["MailServer"]:
        """Listen at a free port. With `tls`: offer STARTTLS, or (`implicit`) speak nothing else."""

        def protocol() -> SMTP:
            with warnings.catch_warnings():
                # aiosmtpd does not see that a connection was encrypted from the start.
                warnings.simplefilter("ignore")
                return SMTP(
                    self,
                    tls_context=None if implicit else tls,
                    authenticator=self._authenticate,
                    auth_required=bool(self.accounts),
                    auth_require_tls=tls is not None and not implicit,
                    enable_SMTPUTF8=utf8,
                    loop=asyncio.get_running_loop(),
                )

        server = await asyncio.get_running_loop().create_server(
            protocol, "127.0.0.1", 0, ssl=tls if implicit else None
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()


def _is_encrypted(server: SMTP, session: Session) -> bool:
    """From the start, or since STARTTLS."""
    transport = server.transport
    implicit = transport is not None and transport.get_extra_info("ssl_object") is not None
    return implicit or session.ssl is not None
