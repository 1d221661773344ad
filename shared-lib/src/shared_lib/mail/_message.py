"""Addresses and messages: what may stand in a header, and how a mail is written (RFC 5322)."""

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from typing import Literal

import idna

from shared_lib.mail._mail import Mail

TransferEncoding = Literal["quoted-printable", "8bit"]

_LONGEST_LOCAL = 64  # octets, RFC 5321 section 4.5.3.1
_LONGEST_DOMAIN = 255
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NEEDS_QUOTES = re.compile(r'[\s()<>\[\]:;@\\,"]')


def parse_address(text: str) -> Address:
    """The address `text`, its domain as DNS has it (RFC 5890). Raises ValueError, without it.

    Local parts may be quoted or beyond ASCII; address literals such as [192.0.2.1] are refused.
    """
    local, at, domain = text.rpartition("@")
    if not at or not text.isprintable():
        raise ValueError("this is no mail address")
    if quoted := _QUOTED.fullmatch(local):
        local = re.sub(r"\\(.)", r"\1", quoted[1])
    elif _NEEDS_QUOTES.search(local):
        raise ValueError("this is no mail address")
    if not 0 < len(local.encode()) <= _LONGEST_LOCAL:
        raise ValueError("this is no mail address: the part before @ is empty or too long")
    return Address(username=local, domain=_domain(domain))


def parse_sender(text: str) -> Address:
    """The sender `text`: `Name <address>`, or an address alone. Raises ValueError.

    Its local part is ASCII: not every server takes another (RFC 6531).
    """
    before, bracket, rest = text.strip().rpartition("<")
    name = before.strip().removeprefix('"').removesuffix('"')
    if bool(bracket) != rest.endswith(">") or not name.isprintable() or set(name) & set('<>"'):
        raise ValueError("a sender is written: Name <address>")
    address = parse_address(rest.removesuffix(">"))
    if not address.username.isascii():
        raise ValueError("the sender's address must be ASCII before the @")
    return Address(name, address.username, address.domain)


def _domain(text: str) -> str:
    """The domain in ASCII (A-labels)."""
    try:
        domain = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode()
    except UnicodeError:
        raise ValueError("this is no mail address: there is no such domain") from None
    if len(domain) > _LONGEST_DOMAIN or not all(map(_LABEL.fullmatch, domain.split("."))):
        raise ValueError("this is no mail address: there is no such domain")
    return domain


def build_message(mail: Mail, sender: Address, encoding: TransferEncoding) -> EmailMessage:
    """`mail` as a message in both forms. Raises ValueError when `to` is no address.

    The Message-ID is made of the mail's id, so that a repeat has the same; `Auto-Submitted` (RFC
    3834) keeps absence notices away. `8bit` is for eyes, `quoted-printable` passes everywhere.
    """
    to = parse_address(mail.to)
    message = EmailMessage(policy=SMTP if to.username.isascii() else SMTPUTF8)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = mail.subject
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = f"<{mail.id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, cte=encoding)
    message.add_alternative(mail.html, subtype="html", cte=encoding)
    return message
