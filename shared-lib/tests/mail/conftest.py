"""What tests of mail are made with: a mail, a server, certificates."""

import ssl
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared_lib.clock import utc_now
from shared_lib.mail import Mail, SmtpMailer, parse_sender
from shared_lib.mail._smtp import SmtpServer
from shared_lib.testing.mail import MailServer

SENDER = parse_sender("Phase Zero <no-reply@example.com>")
LINK = f"https://app.example.com/accept#token={'x' * 120}"
TO = "ada@example.org"


def make_mail(to: str = TO, **changes: Any) -> Mail:
    values = {
        "id": uuid4(),
        "subject": "Grüße, “Zoë”",
        "text": f"Grüße:\n\n{LINK}\n.\nEnd\n",
        "html": f'<p>Grüße: <a href="{LINK}">x</a></p>\n',
    }
    return Mail(to=to, **{**values, **changes})


def mailer_for(server: MailServer, **changes: Any) -> SmtpMailer:
    plain = SmtpServer(host="127.0.0.1", port=server.port, tls="none", seconds=10)
    return SmtpMailer(replace(plain, **changes), SENDER)


@pytest.fixture
def server() -> MailServer:
    return MailServer()


@dataclass(frozen=True)
class Certificate:
    """A self-made certificate of a mail server: as clients know it, as the server uses it."""

    ca_file: Path
    context: ssl.SSLContext


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(
        tmp_path_factory.mktemp("mail"), x509.IPAddress(ip_address("127.0.0.1"))
    )


@pytest.fixture(scope="session")
def others_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """That of another host."""
    return make_certificate(tmp_path_factory.mktemp("mail"), x509.DNSName("mail.example.org"))


def make_certificate(directory: Path, host: x509.GeneralName) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail server of the tests")])
    now = utc_now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    ca_file = directory / "ca.pem"
    ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    chain = directory / "server.pem"
    chain.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + ca_file.read_bytes()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return Certificate(ca_file, context)
