"""Mail over SMTP (RFC 5321)."""

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import structlog
from aiosmtplib import (
    SMTP,
    SMTPConnectTimeoutError,
    SMTPException,
    SMTPNotSupported,
    SMTPReadTimeoutError,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from shared_lib.mail._mail import AddressRefused, Mail, MailError, MailNotSent, MailRefused
from shared_lib.mail._message import build_message

Tls = Literal["starttls", "implicit", "none"]
DEFAULT_PORTS: dict[Tls, int] = {"starttls": 587, "implicit": 465, "none": 25}

_FAREWELL_SECONDS = 5.0
_FOR_GOOD = range(500, 600)
# They are about us: who sets the password right sends the mail (RFC 4954 section 6).
_ABOUT_SIGNING_IN = frozenset({530, 534, 535, 538})
_ENHANCED_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed over. `ca_file`: authorities beside those of the system, as PEM.

    `seconds` is the longest that one mail may take.
    """

    host: str
    port: int
    tls: Tls = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    seconds: float = 15.0


class SmtpMailer:
    """Hands each mail over on a connection of its own. Raises OSError for a missing `ca_file`."""

    def __init__(self, server: SmtpServer, sender: Address) -> None:
        self._server = server
        self._sender = sender
        self._tls = ssl.create_default_context()
        if server.ca_file is not None:
            self._tls.load_verify_locations(server.ca_file)

    async def send(self, mail: Mail) -> None:
        """Hand over `mail`. Raises MailRefused or MailNotSent.

        The server refuses for good with 5xx to sender, recipient or content. All that goes wrong
        before that is between the server and us, and says nothing about the mail.
        """
        try:
            message = build_message(mail, self._sender, "quoted-printable")
        except ValueError as error:
            raise MailRefused(str(error)) from None
        client = self._client()
        try:
            await self._hand_over(client, message)
            # It has been taken; how the server says goodbye changes nothing.
            with suppress(SMTPException, OSError):
                await client.quit(timeout=_FAREWELL_SECONDS)
        finally:
            client.close()
        _log.info("mail_sent", mail_id=str(mail.id))

    def _client(self) -> SMTP:
        server = self._server
        return SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username or None,
            password=server.password or None,
            use_tls=server.tls == "implicit",
            start_tls=server.tls == "starttls",
            tls_context=self._tls,
            timeout=server.seconds,
            # The name of this machine is nobody's business, and finding it can take seconds.
            local_hostname=self._sender.domain,
        )

    async def _hand_over(self, client: SMTP, message: EmailMessage) -> None:
        failure: MailError
        connected = False
        try:
            async with asyncio.timeout(self._server.seconds):
                await client.connect()
                connected = True
                await client.send_message(message)
        except (TimeoutError, SMTPConnectTimeoutError, SMTPReadTimeoutError):
            failure = MailNotSent("the mail server did not answer in time")
        except SMTPException as error:
            failure = _failure(error, connected=connected)
        except OSError as error:
            failure = MailNotSent(f"the mail server could not be used: {type(error).__name__}")
        except ValueError:
            failure = AddressRefused("SMTP cannot carry the address")
        else:
            return
        # Outside of the handlers, so that the server's own words, which name addresses, are not
        # carried along as its context.
        raise failure


def _failure(error: SMTPException, *, connected: bool) -> MailError:
    """What `error` means, without the server's words: they name addresses."""
    refused: type[MailError] = MailRefused
    if isinstance(error, SMTPRecipientsRefused):
        error, refused = error.recipients[0], AddressRefused  # there is one
    if isinstance(error, SMTPResponseException):
        reason = f"the mail server answered {_code(error)}"
        for_good = error.code in _FOR_GOOD and error.code not in _ABOUT_SIGNING_IN
        return refused(reason) if connected and for_good else MailNotSent(reason)
    if connected and isinstance(error, SMTPNotSupported):
        return AddressRefused("the mail server takes no address beyond ASCII")
    # Until then there is no address that its text could name.
    reason = type(error).__name__ if connected else error.message
    return MailNotSent(f"the mail server could not be used: {reason}")


def _code(error: SMTPResponseException) -> str:
    enhanced = _ENHANCED_CODE.match(error.message)
    return f"{error.code} {enhanced[0]}" if enhanced else str(error.code)
