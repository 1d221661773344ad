"""Private keys at rest: PKCS #8 under Fernet, one or several encryption keys."""

from collections.abc import Iterable

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from shared_lib.jwks import public_jwk
from shared_lib.keys._lifecycle import KeyRecord
from shared_lib.tokens import SigningKey

__all__ = ["KeyCipher", "KeysUndecryptable"]


class KeysUndecryptable(Exception):
    """A stored signing key that no encryption key opens, or that is not the key of its row.

    A service that meets one must not start: with a new signing key in its place it would sign
    everybody out, and the lost encryption key may only be missing from the settings.
    """


class KeyCipher:
    """Seals and opens private keys. The first encryption key seals, each of them opens.

    To turn it, put the new one in front: after two rotations of the signing keys nothing is
    sealed under the old one.
    """

    def __init__(self, encryption_keys: Iterable[str]) -> None:
        """Raise ValueError unless each is a Fernet key: 32 bytes in padded base64url."""
        fernets = [_fernet(key) for key in encryption_keys]
        if not fernets:
            raise ValueError("no encryption key is set")
        self._fernet = MultiFernet(fernets)

    @classmethod
    def from_setting(cls, setting: str) -> "KeyCipher":
        """Read the setting ENCRYPTION_KEY: Fernet keys separated by commas."""
        return cls(key.strip() for key in setting.split(",") if key.strip())

    def seal(self, private: RSAPrivateKey) -> bytes:
        """Encrypt a private key for its row."""
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self._fernet.encrypt(pem)

    def open(self, record: KeyRecord) -> SigningKey:
        """Decrypt the private key of a row and check that it is the row's; KeysUndecryptable.

        Takes some hundred milliseconds, because the numbers are checked: call it in a thread.
        """
        if record.private_key is None:
            raise KeysUndecryptable(f"signing key {record.kid} has no private part")
        try:
            private = load_pem_private_key(self._fernet.decrypt(record.private_key), password=None)
        except (InvalidToken, ValueError) as error:
            raise KeysUndecryptable(f"no encryption key opens signing key {record.kid}") from error
        if (
            not isinstance(private, RSAPrivateKey)
            or public_jwk(private.public_key()) != record.public_jwk
            or record.public_jwk["kid"] != record.kid
        ):
            raise KeysUndecryptable(f"the private part of {record.kid} belongs to another key")
        return SigningKey(record.kid, private)


def _fernet(key: str) -> Fernet:
    try:
        return Fernet(key)
    except ValueError as error:
        raise ValueError("an encryption key is no Fernet key") from error
