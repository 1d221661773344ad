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
    plan_turn,
)
from shared_lib.keys._store import KeyRevocation, Rotation, SigningKeyStore, UnknownKey
from shared_lib.keys._table import signing_keys_table

__all__ = [
    "KeyCipher",
    "KeyRecord",
    "KeyRevocation",
    "KeyState",
    "Keyring",
    "KeysUndecryptable",
    "PublishedKeys",
    "Rotation",
    "RotationPlan",
    "RotationRefused",
    "Schedule",
    "SigningKeyStore",
    "UnknownKey",
    "plan_rotation",
    "plan_turn",
    "signing_keys_table",
]
