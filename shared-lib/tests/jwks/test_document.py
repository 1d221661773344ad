"""The key set document: what is published, and what is believed."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from shared_lib.jwks import (
    KeySetRefused,
    document_etag,
    generate_private_key,
    jwks_document,
    public_jwk,
    read_jwks,
    thumbprint,
)
from shared_lib.testing.tokens import private_key

JWK = public_jwk(private_key().public_key())
OTHER = public_jwk(private_key(1).public_key())
PRIVATE = RSAKey.import_key(private_key()).as_dict(private=True)


def rsa_jwk(**changed: Any) -> dict[str, Any]:
    return JWK | changed


def test_generated_keys_have_3072_bits() -> None:
    private = generate_private_key()
    assert private.key_size == 3072
    assert private.public_key().public_numbers().e == 65537


def test_kid_is_the_thumbprint_that_another_library_computes() -> None:
    assert JWK["kid"] == thumbprint(JWK) == RSAKey.import_key(private_key()).thumbprint()


def test_thumbprint_of_the_example_of_rfc_7638() -> None:
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
        "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0"
        "_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWh"
        "AI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    jwk = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_only_public_members_are_published() -> None:
    document = jwks_document([JWK, OTHER | PRIVATE | {"kid": OTHER["kid"]}])
    for jwk in document["keys"]:
        assert jwk.keys() == {"kty", "use", "alg", "kid", "n", "e"}
        assert (jwk["kty"], jwk["use"], jwk["alg"]) == ("RSA", "sig", "RS256")


def test_another_library_reads_what_is_published() -> None:
    keys = KeySet.import_key_set(jwks_document([JWK, OTHER]))  # type: ignore[arg-type]
    assert [key.kid for key in keys.keys] == [JWK["kid"], OTHER["kid"]]


def test_what_is_published_is_read_back() -> None:
    keys = read_jwks(jwks_document([JWK, OTHER]))
    assert keys.keys() == {JWK["kid"], OTHER["kid"]}
    assert keys[JWK["kid"]].public == private_key().public_key()


def test_etag_is_strong_and_follows_the_body() -> None:
    one, other = json.dumps(jwks_document([JWK])), json.dumps(jwks_document([OTHER]))
    assert document_etag(one.encode()) == document_etag(one.encode())
    assert document_etag(one.encode()) != document_etag(other.encode())
    assert document_etag(one.encode())[0] == document_etag(one.encode())[-1] == '"'


@pytest.mark.parametrize(
    "ignored",
    [
        ECKey.import_key(generate_ec(SECP256R1()).public_key()).as_dict() | {"kid": "ec"},
        rsa_jwk(kid="x", use="enc"),
        rsa_jwk(kid="x", alg="RS512"),
        rsa_jwk(kid="x", alg="RSA-OAEP"),
        rsa_jwk(kid="x", key_ops=["encrypt"]),
        rsa_jwk(kid="x", key_ops="verify"),
        {"kty": "XYZ", "kid": "x"},
        {"kty": ["RSA"], "kid": "x"},
        {},
    ],
)
def test_keys_of_another_kind_are_ignored(ignored: dict[str, Any]) -> None:
    assert read_jwks({"keys": [ignored, OTHER]}).keys() == {OTHER["kid"]}


def test_members_that_nobody_knows_are_ignored() -> None:
    jwk = rsa_jwk(unknown=[1], x5t="abc")
    assert read_jwks({"keys": [jwk], "more": 1}).keys() == {JWK["kid"]}


def test_use_and_alg_may_be_absent() -> None:
    jwk = {name: JWK[name] for name in ("kty", "kid", "n", "e")} | {"key_ops": ["verify"]}
    assert read_jwks({"keys": [jwk]}).keys() == {JWK["kid"]}


def weak() -> dict[str, Any]:
    return rsa_jwk(**public_jwk(generate_rsa(65537, 1024).public_key()))  # noqa: S505  weak on purpose


REFUSED: dict[str, Any] = {
    "no keys": {},
    "keys is null": {"keys": None},
    "keys is an object": {"keys": {"a": JWK}},
    "empty": {"keys": []},
    "none for RS256": {"keys": [rsa_jwk(use="enc")]},
    "too many": {"keys": [rsa_jwk(kid=f"key-{number}") for number in range(65)]},
    "a key is a string": {"keys": [OTHER, "key"]},
    "a key is a number": {"keys": [OTHER, 7]},
    "private RSA key": {"keys": [OTHER, JWK | PRIVATE]},
    **{
        f"only {member} of a private key": {"keys": [OTHER, rsa_jwk(**{member: "AQAB"})]}
        for member in ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
    },
    "symmetric key": {"keys": [OTHER, OctKey.generate_key(256).as_dict(private=True)]},
    "two keys with one kid": {"keys": [JWK, OTHER | {"kid": JWK["kid"]}]},
    "one key twice": {"keys": [JWK, JWK]},
    "weak key": {"keys": [OTHER, weak()]},
    "exponent 3": {"keys": [OTHER, rsa_jwk(e="Aw")]},
    "exponent 1": {"keys": [OTHER, rsa_jwk(e="AQ")]},
    "exponent 0": {"keys": [OTHER, rsa_jwk(e="")]},
    "even exponent": {"keys": [OTHER, rsa_jwk(e="AQAC")]},
    "no modulus": {"keys": [OTHER, rsa_jwk(n=None)]},
    "modulus a number": {"keys": [OTHER, rsa_jwk(n=7)]},
    "modulus padded": {"keys": [OTHER, rsa_jwk(n=JWK["n"] + "=")]},
    "modulus of 10000 bits": {"keys": [OTHER, rsa_jwk(n="_" * 1700)]},
    "no kid": {"keys": [OTHER, rsa_jwk(kid=None)]},
    "empty kid": {"keys": [OTHER, rsa_jwk(kid="")]},
    "kid a number": {"keys": [OTHER, rsa_jwk(kid=1)]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_set_that_no_honest_server_sends_is_refused_as_a_whole(name: str) -> None:
    with pytest.raises(KeySetRefused):
        read_jwks(REFUSED[name])
