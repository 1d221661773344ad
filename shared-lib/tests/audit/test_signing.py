"""Detached signatures of audit keys: what a verifier of somebody else says, and what is refused."""

import json

import pytest
from joserfc import jws
from joserfc.jwk import KeySet, OKPKey
from joserfc.jws import JWSRegistry

from shared_lib.audit import (
    REPORT,
    AuditKey,
    AuditKeyUnknown,
    AuditSignatureRefused,
    audit_key_set,
    read_audit_keys,
    verify_detached,
)
from shared_lib.tokens import base64url_decode, base64url_encode

KEY, OTHER = AuditKey.generate(), AuditKey.generate()
CONTENT = b'{"holds": true}\n'
KEYS = read_audit_keys(json.dumps(audit_key_set([OTHER.public, KEY.public])).encode())


def test_what_a_key_signed_is_its_own() -> None:
    assert verify_detached(CONTENT, KEY.sign(CONTENT, REPORT), KEYS, REPORT) == KEY.kid
    assert set(KEYS) == {KEY.kid, OTHER.kid}


def test_another_library_verifies_it() -> None:
    protected, _, signature = KEY.sign(CONTENT, REPORT).split(".")
    compact = f"{protected}.{base64url_encode(CONTENT)}.{signature}"
    keys = KeySet.import_key_set(audit_key_set([KEY.public, OTHER.public]))  # type: ignore[arg-type]
    verified = jws.deserialize_compact(compact, keys, registry=JWSRegistry(algorithms=["Ed25519"]))
    assert verified.payload == CONTENT


def test_another_library_signs_it() -> None:
    jwk = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": KEY.public, "d": KEY.setting})
    header = {"alg": "Ed25519", "kid": KEY.kid, "typ": REPORT}
    compact = jws.serialize_compact(
        header, CONTENT, jwk, registry=JWSRegistry(algorithms=["Ed25519"])
    )
    protected, _, signature = compact.split(".")
    assert verify_detached(CONTENT, f"{protected}..{signature}", KEYS, REPORT) == KEY.kid


@pytest.mark.parametrize("place", range(len(CONTENT)))
def test_any_changed_byte_is_noticed(place: int) -> None:
    changed = bytearray(CONTENT)
    changed[place] ^= 1
    with pytest.raises(AuditSignatureRefused, match="not what was signed"):
        verify_detached(bytes(changed), KEY.sign(CONTENT, REPORT), KEYS, REPORT)


def test_a_key_that_was_not_given_is_unknown() -> None:
    stranger = AuditKey.generate()
    with pytest.raises(AuditKeyUnknown, match=stranger.kid):
        verify_detached(CONTENT, stranger.sign(CONTENT, REPORT), KEYS, REPORT)


def test_one_key_does_not_sign_for_another() -> None:
    protected = OTHER.sign(CONTENT, REPORT).split(".")[0]
    signature = KEY.sign(CONTENT, REPORT).split(".")[2]
    with pytest.raises(AuditSignatureRefused, match="not what was signed"):
        verify_detached(CONTENT, f"{protected}..{signature}", KEYS, REPORT)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "kid": KEY.kid, "typ": REPORT},
        {"alg": "HS256", "kid": KEY.kid, "typ": REPORT},
        {"alg": "EdDSA", "kid": KEY.kid, "typ": REPORT},
        {"alg": "Ed25519", "kid": KEY.kid, "typ": "at+jwt"},
        {"alg": "Ed25519", "kid": KEY.kid},
        {"alg": "Ed25519", "typ": REPORT},
        {"alg": "Ed25519", "kid": KEY.kid, "typ": REPORT, "b64": False, "crit": ["b64"]},
    ],
)
def test_no_other_header_is_accepted(header: dict[str, object]) -> None:
    protected = base64url_encode(json.dumps(header).encode())
    signed = KEY.private.sign(f"{protected}.{base64url_encode(CONTENT)}".encode())
    with pytest.raises(AuditSignatureRefused):
        verify_detached(CONTENT, f"{protected}..{base64url_encode(signed)}", KEYS, REPORT)


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "..", "e30..e30", "e30.e30.e30", "ü..x"])
def test_what_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(AuditSignatureRefused):
        verify_detached(CONTENT, text, KEYS, REPORT)


def test_the_setting_makes_the_same_key_and_is_not_shown() -> None:
    again = AuditKey.from_setting(KEY.setting)
    assert again.public == KEY.public
    assert len(base64url_decode(KEY.setting)) == 32
    assert KEY.setting not in repr(again)


@pytest.mark.parametrize("text", ["", "short", "x" * 43, f"{'A' * 43}="])
def test_what_is_no_key_is_refused_without_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="must be an Ed25519 seed") as refused:
        AuditKey.from_setting(text)
    assert text not in str(refused.value) or not text


def test_a_single_key_is_a_key_set_too_and_others_are_passed_over() -> None:
    (jwk,) = audit_key_set([KEY.public])["keys"]
    rsa = {"kty": "RSA", "n": "AQAB", "e": "AQAB"}
    assert set(read_audit_keys(json.dumps(jwk).encode())) == {KEY.kid}
    assert set(read_audit_keys(json.dumps({"keys": [rsa, jwk]}).encode())) == {KEY.kid}
    for broken in (b"[]", b'{"keys": 1}', b'{"keys": [1]}', b"nothing"):
        with pytest.raises(ValueError):  # noqa: PT011  of whoever reads it first
            read_audit_keys(broken)
