"""Signing keys: how they come, sign, leave and are kept; for identity and `phasezero keys`."""

from shared_lib.keys._cipher import KeyCipher, KeysUndecryptable
from shared_lib.keys._drill import (
    Conditions,
    Refusal,
    Unsafe,
    Verdict,
    Verifier,
    rehearse,
    verifiers,
)
from shared_lib.keys._events import revocation_event, rotation_event
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
    "Conditions",
    "KeyCipher",
    "KeyRecord",
    "KeyRevocation",
    "KeyState",
    "Keyring",
    "KeysUndecryptable",
    "PublishedKeys",
    "Refusal",
    "Rotation",
    "RotationPlan",
    "RotationRefused",
    "Schedule",
    "SigningKeyStore",
    "UnknownKey",
    "Unsafe",
    "Verdict",
    "Verifier",
    "plan_rotation",
    "plan_turn",
    "rehearse",
    "revocation_event",
    "rotation_event",
    "signing_keys_table",
    "verifiers",
]
