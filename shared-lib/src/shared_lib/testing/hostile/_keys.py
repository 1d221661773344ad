"""Tokens that are signed wrongly, by the wrong key, or by none."""

import hmac
import json
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared_lib.testing.forgery import Forger, claims_of
from shared_lib.testing.hostile._vector import group
from shared_lib.tokens import SigningKey, base64url_decode, base64url_encode, compact

__all__ = ["ALGORITHMS", "KEYS", "SIGNATURES"]


def _header(forger: Forger, alg: str) -> bytes:
    return json.dumps(forger.good_header | {"alg": alg}).encode()


def _resigned(forger: Forger, signature: bytes) -> str:
    return f"{forger.good().rpartition('.')[0]}.{base64url_encode(signature)}"


def _hmac(forger: Forger, secret: bytes, *, alg: str = "HS256") -> str:
    signing_input = forger.unsigned(header=_header(forger, alg))
    return (
        f"{signing_input}.{base64url_encode(hmac.digest(secret, signing_input.encode(), 'sha256'))}"
    )


def _public(forger: Forger, encoding: Encoding, form: PublicFormat) -> bytes:
    return forger.issuer.signing_key.private.public_key().public_bytes(encoding, form)


def _jwk(forger: Forger) -> bytes:
    return json.dumps(forger.issuer.jwks()["keys"][0], separators=(",", ":")).encode()


def _modulus(forger: Forger) -> bytes:
    return base64url_decode(forger.issuer.jwks()["keys"][0]["n"])


def _rsa(
    forger: Forger, hashed: HashAlgorithm, *, alg: str, scheme: padding.AsymmetricPadding
) -> str:
    """Signed by the right key with another scheme."""
    signing_input = forger.unsigned(header=_header(forger, alg))
    private = forger.issuer.signing_key.private
    signature = private.sign(signing_input.encode(), scheme, hashed)
    return f"{signing_input}.{base64url_encode(signature)}"


def _pss(hashed: HashAlgorithm) -> padding.PSS:
    return padding.PSS(padding.MGF1(hashed), padding.PSS.DIGEST_LENGTH)


@cache
def _elliptic() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def _edwards() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


@cache
def _small_rsa(bits: int, exponent: int = 65537) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, bits)


def _ecdsa(forger: Forger, *, alg: str) -> str:
    signing_input = forger.unsigned(header=_header(forger, alg))
    pair = decode_dss_signature(_elliptic().sign(signing_input.encode(), ec.ECDSA(SHA256())))
    signature = b"".join(number.to_bytes(32, "big") for number in pair)
    return f"{signing_input}.{base64url_encode(signature)}"


def _eddsa(forger: Forger, *, alg: str) -> str:
    signing_input = forger.unsigned(header=_header(forger, alg))
    return f"{signing_input}.{base64url_encode(_edwards().sign(signing_input.encode()))}"


def _of_another_size(forger: Forger, bits: int, exponent: int = 65537) -> str:
    signing_input = forger.unsigned()
    private = _small_rsa(bits, exponent)
    signature = private.sign(signing_input.encode(), padding.PKCS1v15(), SHA256())
    return f"{signing_input}.{base64url_encode(signature)}"


def _by(key: SigningKey, forger: Forger, kid: str | None = None) -> str:
    header = forger.good_header | {"kid": kid or key.kid}
    return compact(header, claims_of(forger.good()), key)


def _plus_modulus(forger: Forger) -> str:
    """Another number with the same remainder, in as many bytes; it is there for most tokens."""
    modulus = int.from_bytes(_modulus(forger), "big")
    while True:
        signing_input, _, signature = forger.fresh().rpartition(".")
        number = int.from_bytes(base64url_decode(signature), "big") + modulus
        if number.bit_length() <= modulus.bit_length():
            spelled = number.to_bytes((modulus.bit_length() + 7) // 8, "big")
            return f"{signing_input}.{base64url_encode(spelled)}"


def _flipped(forger: Forger, position: int) -> str:
    signature = bytearray(_signature(forger.good()))
    signature[position] ^= 1
    return _resigned(forger, bytes(signature))


def _signature(token: str) -> bytes:
    return base64url_decode(token.rpartition(".")[2])


ALGORITHMS = (
    *group(
        "alg",
        "RFC 8725 3.2; RFC 9068 2.1",
        ("alg none", "alg", lambda f: f.header(alg="none")),
        ("alg None", "alg", lambda f: f.header(alg="None")),
        ("alg NONE", "alg", lambda f: f.header(alg="NONE")),
        ("alg nOnE", "alg", lambda f: f.header(alg="nOnE")),
        ("alg none with spaces", "alg", lambda f: f.header(alg=" none ")),
        ("alg empty", "alg", lambda f: f.header(alg="")),
        (
            "alg none and no signature",
            "three parts",
            lambda f: f.unsigned(header=_header(f, "none")) + ".",
        ),
        (
            "alg none and somebody's signature",
            "alg",
            lambda f: f.unsigned(header=_header(f, "none")) + "." + f.good().split(".")[2],
        ),
    ),
    *group(
        "alg",
        "RFC 8725 3.1",
        ("no alg", "alg", lambda f: f.raw(header=b'{"typ":"at+jwt","kid":"%b"}' % f.kid.encode())),
        ("alg null", "alg", lambda f: f.header(alg=None)),
        ("alg in lower case", "alg", lambda f: f.header(alg="rs256")),
        ("alg with a space", "alg", lambda f: f.header(alg="RS256 ")),
        ("alg as a list", "alg", lambda f: f.header(alg=["RS256"])),
        ("alg as an object", "alg", lambda f: f.header(alg={"RS256": True})),
        ("alg as a number", "alg", lambda f: f.header(alg=256)),
        ("alg true", "alg", lambda f: f.header(alg=True)),
        ("alg of an encryption", "alg", lambda f: f.header(alg="RSA-OAEP-256")),
        ("alg dir", "alg", lambda f: f.header(alg="dir")),
        (
            "RS384 by the right key",
            "alg",
            lambda f: _rsa(f, SHA384(), alg="RS384", scheme=padding.PKCS1v15()),
        ),
        (
            "RS512 by the right key",
            "alg",
            lambda f: _rsa(f, SHA512(), alg="RS512", scheme=padding.PKCS1v15()),
        ),
        (
            "PS256 by the right key",
            "alg",
            lambda f: _rsa(f, SHA256(), alg="PS256", scheme=_pss(SHA256())),
        ),
        (
            "RS512 called RS256",
            "signature",
            lambda f: _rsa(f, SHA512(), alg="RS256", scheme=padding.PKCS1v15()),
        ),
        (
            "PS256 called RS256",
            "signature",
            lambda f: _rsa(f, SHA256(), alg="RS256", scheme=_pss(SHA256())),
        ),
    ),
    *group(
        "alg",
        "RFC 8725 2.1, 3.1",
        (
            "HS256 with the public key in DER",
            "alg",
            lambda f: _hmac(f, _public(f, Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
        ),
        (
            "HS256 with the public key in PEM",
            "alg",
            lambda f: _hmac(f, _public(f, Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
        ),
        (
            "HS256 with the public key in PKCS #1",
            "alg",
            lambda f: _hmac(f, _public(f, Encoding.PEM, PublicFormat.PKCS1)),
        ),
        ("HS256 with the public JWK", "alg", lambda f: _hmac(f, _jwk(f))),
        ("HS256 with the modulus", "alg", lambda f: _hmac(f, _modulus(f))),
        ("HS256 with an empty secret", "alg", lambda f: _hmac(f, b"")),
        ("HS256 with a guessed secret", "alg", lambda f: _hmac(f, b"secret")),
        (
            "HS256 called RS256",
            "signature",
            lambda f: _hmac(
                f, _public(f, Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), alg="RS256"
            ),
        ),
        ("ES256", "alg", lambda f: _ecdsa(f, alg="ES256")),
        ("ES256 called RS256", "signature", lambda f: _ecdsa(f, alg="RS256")),
        (
            "ES256 of zeros",
            "alg",
            lambda f: f.unsigned(header=_header(f, "ES256")) + "." + base64url_encode(bytes(64)),
        ),
        ("EdDSA", "alg", lambda f: _eddsa(f, alg="EdDSA")),
        ("EdDSA called RS256", "signature", lambda f: _eddsa(f, alg="RS256")),
    ),
)

SIGNATURES = group(
    "signature",
    "RFC 7515 5.2; RFC 8725 3.3",
    ("no signature", "three parts", lambda f: f.unsigned() + "."),
    ("signature of another token", "signature", lambda f: _resigned(f, _signature(f.fresh()))),
    ("payload of another token", "signature", lambda f: _with_payload(f, f.staff())),
    (
        "header of another token",
        "signature",
        lambda f: f.header(x=1).split(".")[0] + "." + f.good().partition(".")[2],
    ),
    ("short signature", "signature", lambda f: _resigned(f, b"\0\0\0")),
    (
        "signature without its last byte",
        "signature",
        lambda f: _resigned(f, _signature(f.good())[:-1]),
    ),
    (
        "signature with a byte more",
        "signature",
        lambda f: _resigned(f, _signature(f.good()) + b"\0"),
    ),
    (
        "signature with a zero before",
        "signature",
        lambda f: _resigned(f, b"\0" + _signature(f.good())),
    ),
    ("signature twice", "signature", lambda f: _resigned(f, _signature(f.good()) * 2)),
    ("signature of zeros", "signature", lambda f: _resigned(f, bytes(384))),
    ("signature of ones", "signature", lambda f: _resigned(f, b"\xff" * 384)),
    ("signature of one", "signature", lambda f: _resigned(f, bytes(383) + b"\x01")),
    ("the modulus as signature", "signature", lambda f: _resigned(f, _modulus(f))),
    ("signature plus the modulus", "signature", _plus_modulus),
    ("first bit of the signature turned", "signature", lambda f: _flipped(f, 0)),
    ("last bit of the signature turned", "signature", lambda f: _flipped(f, -1)),
)

KEYS = (
    *group(
        "keys",
        "RFC 7515 6; RFC 8725 3.8",
        ("key of a stranger", "unknown key", lambda f: f.stranger.person(tenant_id=f.tenant_id)),
        (
            "key of a stranger under our kid",
            "signature",
            lambda f: _by(f.stranger.signing_key, f, f.kid),
        ),
        (
            "our key under the kid of a stranger",
            "unknown key",
            lambda f: f.header(kid=f.stranger.signing_key.kid),
        ),
        ("RSA key of 1024 bits under our kid", "signature", lambda f: _of_another_size(f, 1024)),
        ("RSA key of 2048 bits under our kid", "signature", lambda f: _of_another_size(f, 2048)),
        (
            "RSA key with exponent 3 under our kid",
            "signature",
            lambda f: _of_another_size(f, 2048, 3),
        ),
    ),
    *group(
        "keys",
        "ours: retired and revoked keys",
        ("retired key", "unknown key", lambda f: _by(f.retired, f)),
        ("retired key under our kid", "signature", lambda f: _by(f.retired, f, f.kid)),
        ("revoked key", "unknown key", lambda f: _by(f.revoked, f)),
        ("revoked key under our kid", "signature", lambda f: _by(f.revoked, f, f.kid)),
        (
            "our key under the kid of the revoked one",
            "unknown key",
            lambda f: f.header(kid=f.revoked.kid),
        ),
    ),
)


def _with_payload(forger: Forger, other: str) -> str:
    header, _, signature = forger.good().split(".")
    return f"{header}.{other.split('.')[1]}.{signature}"
