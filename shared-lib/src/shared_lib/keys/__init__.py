"""Signing keys: how they come, sign, leave and are kept; for identity and `phasezero keys`."""

from shared_lib.keys._cipher import KeyCipher, KeysUndecryptable
from shared_lib.keys._keyring import Keyring, PublishedKeys
from shared_lib.keys._lifecycle import (
    KeyRecord,
    KeyState,
    RotationPlan,
    RotationRefused,
    Schedule,
    plan_rotation,
)
from shared_lib.keys._store import Rotation, SigningKeyStore
from shared_lib.keys._table import signing_keys_table

__all__ = [
    "KeyCipher",
    "KeyRecord",
    "KeyState",
    "Keyring",
    "KeysUndecryptable",
    "PublishedKeys",
    "Rotation",
    "RotationPlan",
    "RotationRefused",
    "Schedule",
    "SigningKeyStore",
    "plan_rotation",
    "signing_keys_table",
]
