"""Private keys at rest."""

from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_elliptic
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared_lib.clock import utc_now
from shared_lib.jwks import public_jwk
from shared_lib.keys import KeyCipher, KeyRecord, KeyState, KeysUndecryptable
from shared_lib.testing.tokens import private_key

ELLIPTIC = generate_elliptic(SECP256R1()).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def record(cipher: KeyCipher, **changed: Any) -> KeyRecord:
    private = private_key()
    jwk = public_jwk(private.public_key())
    good = KeyRecord(
        kid=jwk["kid"],
        state=KeyState.NEXT,
        public_jwk=jwk,
        private_key=cipher.seal(private),
        published_at=utc_now(),
        activated_at=None,
        deactivated_at=None,
        retired_at=None,
    )
    return replace(good, **changed)


def test_what_was_sealed_is_opened() -> None:
    cipher = KeyCipher([OLD])
    signing_key = cipher.open(record(cipher))
    assert signing_key.kid == public_jwk(private_key().public_key())["kid"]
    assert signing_key.private.private_numbers() == private_key().private_numbers()


def test_nothing_of_the_key_can_be_read_in_what_is_stored() -> None:
    cipher = KeyCipher([OLD])
    stored = record(cipher)
    assert stored.private_key is not None
    assert b"PRIVATE KEY" not in stored.private_key
    assert stored.private_key not in repr(stored).encode()
    assert cipher.seal(private_key()) != cipher.seal(private_key())


def test_the_encryption_key_can_be_turned() -> None:
    sealed = record(KeyCipher([OLD]))
    turned = KeyCipher.from_setting(f" {NEW} , {OLD},")
    assert turned.open(sealed).kid == sealed.kid
    assert KeyCipher([NEW]).open(record(turned)).kid == sealed.kid
    with pytest.raises(KeysUndecryptable):
        KeyCipher([OLD]).open(record(turned))


@pytest.mark.parametrize(
    "changed",
    [
        {"private_key": None},
        {"private_key": b""},
        {"private_key": b"rubbish"},
        {"private_key": Fernet(OLD).encrypt(b"rubbish")},
        {"private_key": KeyCipher([OLD]).seal(private_key(1))},
        {"private_key": Fernet(OLD).encrypt(ELLIPTIC)},
        {"kid": "another"},
        {"public_jwk": public_jwk(private_key(1).public_key())},
    ],
)
def test_what_is_not_the_key_of_its_row_is_not_opened(changed: dict[str, Any]) -> None:
    cipher = KeyCipher([OLD])
    with pytest.raises(KeysUndecryptable):
        cipher.open(record(cipher, **changed))


@pytest.mark.parametrize(
    "setting",
    ["", " , ", "short", OLD[:-1], f"{OLD},short"],
    ids=["empty", "blanks", "short", "cut", "one of two"],
)
def test_a_setting_that_is_no_key_is_refused_and_not_repeated(setting: str) -> None:
    with pytest.raises(ValueError, match="encryption key is") as refused:
        KeyCipher.from_setting(setting)
    assert OLD not in str(refused.value)
    assert "short" not in str(refused.value)
