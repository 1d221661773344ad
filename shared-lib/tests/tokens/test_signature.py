"""The keys, and that python-jose stays where it is."""

import ast
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

import shared_lib
from shared_lib.testing.tokens import private_key
from shared_lib.tokens import SigningKey, VerificationKey, WeakKey

SOURCES = Path(shared_lib.__file__).parent


@pytest.mark.parametrize(("exponent", "bits"), [(65537, 1024), (65537, 2047), (3, 2048)])
def test_weak_keys_neither_sign_nor_verify(exponent: int, bits: int) -> None:
    private = generate_private_key(exponent, bits)
    with pytest.raises(WeakKey):
        SigningKey("kid", private)
    with pytest.raises(WeakKey):
        VerificationKey("kid", private.public_key())


def test_a_key_verifies_its_own_signatures_of_the_same_bytes_only() -> None:
    signing = SigningKey("kid", private_key())
    verification = signing.verification_key()
    signature = signing.signature(b"bytes")
    assert verification.kid == "kid"
    assert verification.verifies(b"bytes", signature)
    assert not verification.verifies(b"byteS", signature)
    assert not verification.verifies(b"bytes", signature[:-1])
    assert not verification.verifies(b"bytes", b"\0" + signature)
    assert not verification.verifies(b"bytes", b"")
    other = SigningKey("kid", private_key(1))
    assert not verification.verifies(b"bytes", other.signature(b"bytes"))


def test_a_signing_key_shows_no_secret() -> None:
    signing = SigningKey("the-kid", private_key())
    assert repr(signing) == "SigningKey(kid='the-kid')"


def test_one_module_imports_python_jose() -> None:
    importers = {path.relative_to(SOURCES) for path in SOURCES.rglob("*.py") if _imports(path)}
    assert importers == {Path("tokens/_signature.py")}


def _imports(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        if any(name.split(".")[0] == "jose" for name in names):
            return True
    return False
