"""Tokens whose header says what no header of ours says."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from shared_lib.testing.forgery import ABSENT, Forger, claims_of
from shared_lib.testing.hostile._vector import group
from shared_lib.testing.tokens import private_key
from shared_lib.tokens import base64url_encode, compact

__all__ = ["HEADERS"]

_EVIL = "https://evil.example.com"


def _by_stranger(forger: Forger, **header: object) -> str:
    """Signed by the key that the header itself recommends."""
    key = forger.stranger.signing_key
    return compact(forger.good_header | header, claims_of(forger.good()), key)


def _jwk(forger: Forger) -> dict[str, str]:
    jwk: dict[str, str] = forger.stranger.jwks()["keys"][0]
    return jwk


@cache
def _certificate() -> bytes:
    """The stranger's, signed by himself, in DER."""
    private = private_key(1)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "identity.example.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(private, SHA256())
    )
    return certificate.public_bytes(Encoding.DER)


def _nested(forger: Forger, **header: object) -> str:
    """Signed twice: the payload is a good token."""
    inner = base64url_encode(forger.good().encode())
    signed = forger.header(**header).split(".")[0] + "." + inner
    return f"{signed}.{base64url_encode(forger.issuer.signing_key.signature(signed.encode()))}"


TYPES = (
    *group(
        "typ",
        "RFC 9068 2.1, 4; RFC 8725 3.11",
        ("no typ", "typ", lambda f: f.header(typ=ABSENT)),
        ("typ null", "typ", lambda f: f.header(typ=None)),
        ("typ empty", "typ", lambda f: f.header(typ="")),
        ("typ a list", "typ", lambda f: f.header(typ=["at+jwt"])),
        ("typ a number", "typ", lambda f: f.header(typ=1)),
        ("typ JWT, as an ID token has", "typ", lambda f: f.header(typ="JWT")),
        ("typ application/jwt", "typ", lambda f: f.header(typ="application/jwt")),
        ("typ with a parameter", "typ", lambda f: f.header(typ="at+jwt; v=1")),
        ("typ with a space", "typ", lambda f: f.header(typ=" at+jwt")),
        ("typ of another tree", "typ", lambda f: f.header(typ="text/at+jwt")),
        ("typ with a dotless i", "typ", lambda f: f.header(typ="appl\u0131cation/at+jwt")),
    ),
    *group(
        "typ",
        "RFC 8725 3.12: other kinds of token",
        ("typ of a logout token", "typ", lambda f: f.header(typ="logout+jwt")),
        ("typ of a DPoP proof", "typ", lambda f: f.header(typ="dpop+jwt")),
        ("typ of a security event", "typ", lambda f: f.header(typ="secevent+jwt")),
        ("typ of a request object", "typ", lambda f: f.header(typ="oauth-authz-req+jwt")),
        (
            "typ of a client's authentication",
            "typ",
            lambda f: f.header(typ="client-authentication+jwt"),
        ),
        (
            "typ of an introspection answer",
            "typ",
            lambda f: f.header(typ="token-introspection+jwt"),
        ),
        ("typ of a refresh token", "typ", lambda f: f.header(typ="rt+jwt")),
        ("typ of an encrypted token", "typ", lambda f: f.header(typ="JWE")),
        ("typ of the JSON serialization", "typ", lambda f: f.header(typ="JOSE+JSON")),
    ),
)

MEMBERS = (
    *group(
        "header",
        "RFC 7515 4.1.11",
        ("crit with a claim's name", "header", lambda f: f.header(crit=["exp"], exp=1)),
        ("crit that nobody knows", "header", lambda f: f.header(crit=["urn:x"], **{"urn:x": 1})),
        ("crit empty", "header", lambda f: f.header(crit=[])),
        ("crit null", "header", lambda f: f.header(crit=None)),
        ("crit a string", "header", lambda f: f.header(crit="exp")),
    ),
    *group(
        "header",
        "RFC 7797 6, 7",
        ("b64 false", "header", lambda f: f.header(b64=False)),
        ("b64 false and critical", "header", lambda f: f.header(b64=False, crit=["b64"])),
        ("b64 true", "header", lambda f: f.header(b64=True)),
    ),
    *group(
        "header",
        "RFC 8725 3.6; RFC 7516 4.1.3",
        ("zip", "header", lambda f: f.header(zip="DEF")),
        ("enc", "header", lambda f: f.header(enc="A256GCM")),
    ),
    *group(
        "header",
        "RFC 7519 5.2",
        ("cty of a nested token", "header", lambda f: f.header(cty="JWT")),
        ("a token in a token", "header", lambda f: _nested(f, cty="JWT")),
        ("a token in a token, unsaid", "Expecting value", _nested),
    ),
    *group(
        "header",
        "RFC 8725 3.10; ASVS 9.1.3",
        ("jku", "header", lambda f: f.header(jku=f"{_EVIL}/jwks")),
        ("jku of the one who signed", "header", lambda f: _by_stranger(f, jku=f"{_EVIL}/jwks")),
        ("jku null", "header", lambda f: f.header(jku=None)),
        ("jwk", "header", lambda f: f.header(jwk=_jwk(f))),
        ("jwk of the one who signed", "header", lambda f: _by_stranger(f, jwk=_jwk(f))),
        (
            "jwk and kid of the one who signed",
            "header",
            lambda f: _by_stranger(f, jwk=_jwk(f), kid=_jwk(f)["kid"]),
        ),
        ("jwk symmetric", "header", lambda f: f.header(jwk={"kty": "oct", "k": "AA"})),
        ("x5u", "header", lambda f: f.header(x5u=f"{_EVIL}/certificate")),
        ("x5u of a file", "header", lambda f: f.header(x5u="file:///etc/passwd")),
        (
            "x5c of the one who signed",
            "header",
            lambda f: _by_stranger(f, x5c=[b64encode(_certificate()).decode()]),
        ),
        ("x5c broken", "header", lambda f: f.header(x5c=["MIIB"])),
        ("x5t", "header", lambda f: f.header(x5t="abc")),
        ("x5t#S256", "header", lambda f: f.header(**{"x5t#S256": "abc"})),
    ),
)

NAMES_OF_KEYS = (
    *group(
        "kid",
        "RFC 8725 3.10",
        ("no kid", "kid", lambda f: f.header(kid=ABSENT)),
        ("kid null", "kid", lambda f: f.header(kid=None)),
        ("kid empty", "kid", lambda f: f.header(kid="")),
        ("kid a number", "kid", lambda f: f.header(kid=1)),
        ("kid true", "kid", lambda f: f.header(kid=True)),
        ("kid a list", "kid", lambda f: f.header(kid=[f.kid])),
        ("kid an object", "kid", lambda f: f.header(kid={"kid": f.kid})),
        ("kid a path", "kid", lambda f: f.header(kid="../../../../dev/null")),
        ("kid a URL", "kid", lambda f: f.header(kid=f"{_EVIL}/key")),
        ("kid SQL", "kid", lambda f: f.header(kid="' OR 1=1 --")),
        ("kid a command", "kid", lambda f: f.header(kid="|id")),
        ("kid a template", "kid", lambda f: f.header(kid="{{7*7}}")),
        ("kid LDAP", "kid", lambda f: f.header(kid="*)(uid=*")),
        ("kid with a newline", "kid", lambda f: f.header(kid=f.kid + "\n")),
        ("kid with a NUL", "kid", lambda f: f.header(kid=f.kid + "\0")),
        ("kid with a space", "kid", lambda f: f.header(kid=f.kid + " ")),
        ("kid beyond ASCII", "kid", lambda f: f.header(kid="clé")),
        ("kid a lone surrogate", "kid", lambda f: f.header(kid="\ud800")),
        ("kid too long", "kid", lambda f: f.header(kid="k" * 129)),
        ("kid very long", "kid", lambda f: f.header(kid="k" * 4000)),
        ("kid that nobody has", "unknown key", lambda f: f.header(kid="unknown")),
        ("kid in upper case", "unknown key", lambda f: f.header(kid=f.kid.swapcase())),
    ),
)

HEADERS = (*TYPES, *MEMBERS, *NAMES_OF_KEYS)
