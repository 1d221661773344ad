"""What mail is set by, in both services alike."""

from email.headerregistry import Address
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared_lib.mail._file import FileMailer
from shared_lib.mail._mail import Mailer
from shared_lib.mail._message import parse_sender
from shared_lib.mail._smtp import DEFAULT_PORTS, SmtpMailer, SmtpServer, Tls
from shared_lib.settings import IssuerUrl

_OF_NOBODY = ".localhost"
_EXAMPLE = f"Phase Zero <no-reply@phase-zero{_OF_NOBODY}>"


def _sender(value: str) -> str:
    parse_sender(value)
    return value


class MailSettings(BaseModel):
    """What a service's settings inherit, before ServiceSettings, to send mail."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(use_attribute_docstrings=True)

    smtp_host: str = ""
    """The mail server. Without one mails are files in `mail_directory`, in development only."""

    smtp_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Its port; by default 587 with `starttls`, 465 with `implicit`, 25 with `none`."""

    smtp_tls: Tls = "starttls"
    """How the connection is encrypted: after STARTTLS, from the start, or (development) never."""

    smtp_username: str = ""
    """The name to sign in with at the mail server; empty: it asks for none."""

    smtp_password: SecretStr = SecretStr("")
    """The password that goes with `smtp_username`."""

    smtp_ca_file: Path | None = None
    """A PEM file of authorities that may certify the mail server, beside the system's."""

    smtp_timeout: Annotated[float, Field(gt=0, lt=20)] = 15.0
    """Seconds that handing over one mail may take; then it is tried again later. Below 20, which
    is what a job may take."""

    mail_from: Annotated[str, AfterValidator(_sender)] = (
        "Phase Zero <no-reply@phase-zero.localhost>"
    )
    """The sender of all mails, as `Name <address>`; mails call the product by that name."""

    mail_directory: Path = Path(".data/mail")
    """Where mails become files, one `<id>.eml` each, when there is no `smtp_host`."""

    web_url: Annotated[IssuerUrl, AfterValidator(lambda url: url.rstrip("/"))] = (
        "http://localhost:3000"
    )
    """Where people use the product; links in mails begin with it."""

    @property
    def sender(self) -> Address:
        """`mail_from`, parsed."""
        return parse_sender(self.mail_from)

    @property
    def product_name(self) -> str:
        """What mails call the product: the sender's name."""
        return self.sender.display_name or self.sender.domain

    def insecure_mail(self) -> list[str]:
        """What of mail is set too weakly for anything but development; for `insecure()`."""
        faults = {
            "smtp_host must be set: mails do not become files": not self.smtp_host,
            "smtp_tls must be starttls or implicit": self.smtp_tls == "none",
            "mail_from must be an address of yours": self.sender.domain.endswith(_OF_NOBODY),
            "web_url must be https": not self.web_url.startswith("https://"),
        }
        return [fault for fault, present in faults.items() if present]


def make_mailer(settings: MailSettings) -> Mailer:
    """The mailer that `settings` ask for. Raises OSError when `smtp_ca_file` cannot be read."""
    if not settings.smtp_host:
        return FileMailer(settings.mail_directory, settings.sender)
    server = SmtpServer(
        host=settings.smtp_host,
        port=settings.smtp_port or DEFAULT_PORTS[settings.smtp_tls],
        tls=settings.smtp_tls,
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value(),
        ca_file=settings.smtp_ca_file,
        seconds=settings.smtp_timeout,
    )
    return SmtpMailer(server, settings.sender)
