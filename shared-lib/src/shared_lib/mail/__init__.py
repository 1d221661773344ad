"""Mail: what it is made of, and how it leaves the house."""

from shared_lib.mail._file import FileMailer
from shared_lib.mail._kind import mail_kind
from shared_lib.mail._mail import (
    AddressRefused,
    Mail,
    Mailer,
    MailError,
    MailNotSent,
    MailRefused,
)
from shared_lib.mail._message import parse_address, parse_sender
from shared_lib.mail._send import MailContext, send_mail_of_job
from shared_lib.mail._settings import MailSettings, make_mailer
from shared_lib.mail._smtp import SmtpMailer
from shared_lib.mail._templates import Templates

__all__ = [
    "AddressRefused",
    "FileMailer",
    "Mail",
    "MailContext",
    "MailError",
    "MailNotSent",
    "MailRefused",
    "MailSettings",
    "Mailer",
    "SmtpMailer",
    "Templates",
    "mail_kind",
    "make_mailer",
    "parse_address",
    "parse_sender",
    "send_mail_of_job",
]
