"""What mail is set by, and what nobody may set outside development."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
from typing_extensions import override

from shared_lib.mail import FileMailer, MailSettings, SmtpMailer, make_mailer
from shared_lib.settings import ServiceSettings, SettingsError, list_settings

GOOD: dict[str, Any] = {
    "issuer": "https://identity.example.com",
    "smtp_host": "mail.example.com",
    "mail_from": "Phase Zero <no-reply@example.com>",
    "web_url": "https://app.example.com",
}


class SampleSettings(MailSettings, ServiceSettings):
    service_prefix: ClassVar[str] = "SAMPLE_"

    @override
    def insecure(self) -> list[str]:
        return [*super().insecure(), *self.insecure_mail()]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for setting in list_settings(SampleSettings):
        monkeypatch.delenv(setting.variable, raising=False)
        monkeypatch.delenv(setting.plain_variable, raising=False)
    return monkeypatch


def test_development_needs_nothing() -> None:
    settings = SampleSettings(environment="development", issuer="http://localhost:8001")
    assert isinstance(make_mailer(settings), FileMailer)
    assert settings.web_url == "http://localhost:3000"
    assert settings.product_name == "Phase Zero"
    assert settings.mail_directory == Path(".data/mail")


def test_production_sends() -> None:
    settings = SampleSettings(**GOOD)
    assert isinstance(make_mailer(settings), SmtpMailer)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smtp_host", ""),
        ("smtp_tls", "none"),
        ("mail_from", "Phase Zero <no-reply@phase-zero.localhost>"),
        ("web_url", "http://app.example.com"),
    ],
)
def test_production_refuses_what_development_may(name: str, value: str) -> None:
    SampleSettings(environment="development", **{**GOOD, name: value})
    for environment in ("staging", "production"):
        with pytest.raises(SettingsError, match=f"SAMPLE_{name.upper()} or {name.upper()} must"):
            SampleSettings(environment=environment, **{**GOOD, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smtp_port", 0),
        ("smtp_port", 65536),
        ("smtp_tls", "opportunistic"),
        ("smtp_timeout", 0),
        ("mail_from", "nobody"),
        ("mail_from", "A <a@example.com>, B <b@example.com>"),
        ("mail_from", "A\nBcc: x <a@example.com>"),
        ("mail_from", "<a@example.com"),
        ("mail_from", "a@example.com>"),
        ("mail_from", "ä@example.com"),
        ("web_url", "app.example.com"),
        ("web_url", "https://app.example.com/#token"),
        ("web_url", "https://app.example.com/?a=b"),
        ("web_url", "javascript:alert(1)"),
    ],
)
def test_what_cannot_be_used_is_refused(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"SAMPLE_{name.upper()}"):
        SampleSettings(environment="development", **{**GOOD, name: value})


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("implicit", 465), ("none", 25)])
def test_the_port_follows_the_encryption(tls: str, port: int) -> None:
    settings = SampleSettings(environment="development", **{**GOOD, "smtp_tls": tls})
    mailer = make_mailer(settings)
    assert isinstance(mailer, SmtpMailer)
    assert mailer._server.port == port


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ("Phase Zero <a@example.com>", "Phase Zero", "a@example.com"),
        ('"Zoë, Inc." <a@example.com>', "Zoë, Inc.", "a@example.com"),
        ("a@exämple.com", "xn--exmple-cua.com", "a@xn--exmple-cua.com"),
        ("<a@example.com>", "example.com", "a@example.com"),
    ],
)
def test_the_sender_gives_the_product_its_name(written: str, name: str, address: str) -> None:
    settings = SampleSettings(**{**GOOD, "mail_from": written})
    assert (settings.product_name, settings.sender.addr_spec) == (name, address)


def test_everything_is_read_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ISSUER": "https://identity.example.com",
        "SMTP_HOST": "mail.example.com",
        "SMTP_PORT": "2525",
        "SMTP_TLS": "implicit",
        "SMTP_USERNAME": "phase-zero",
        "SMTP_PASSWORD": "s3cret",
        "SMTP_CA_FILE": "/etc/ca.pem",
        "SMTP_TIMEOUT": "5",
        "MAIL_FROM": "no-reply@example.com",
        "MAIL_DIRECTORY": "/var/mail",
        "WEB_URL": "https://app.example.com/",
    }.items():
        environment.setenv(name, value)
    settings = SampleSettings.from_environment()
    assert (settings.smtp_host, settings.smtp_port, settings.smtp_tls) == (
        *("mail.example.com", 2525, "implicit"),
    )
    assert settings.smtp_password.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)
    assert settings.smtp_ca_file == Path("/etc/ca.pem")
    assert settings.web_url == "https://app.example.com"


def test_the_reference_page_has_their_defaults() -> None:
    shown = {setting.plain_variable: setting.default for setting in list_settings(SampleSettings)}
    assert shown["SMTP_PORT"] == shown["SMTP_HOST"] == shown["SMTP_CA_FILE"] == ""
    assert shown["SMTP_TLS"] == "starttls"
    assert shown["SMTP_PASSWORD"] == ""
