"""What is shown of signing keys, and what a revocation takes. Never a private part."""

from dataclasses import dataclass
from datetime import datetime

from shared_lib.keys import KeyState
from shared_lib.web import Body, Reason


@dataclass(frozen=True, slots=True)
class SigningKeyRead:
    """One key. `next_step_from` is when it may sign, is due to be followed, or retires."""

    kid: str
    state: KeyState
    published_at: datetime
    activated_at: datetime | None
    deactivated_at: datetime | None
    retired_at: datetime | None
    revoked_at: datetime | None
    next_step_from: datetime | None


class KeyRevoke(Body):
    """Why a key is revoked: it stands in the audit trail."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class KeyRevocationRead:
    """What a revocation did, and what it costs.

    Every token of the key is refused from now on, here at once and in the core within seconds;
    whoever has one refreshes it. `replaced_by` signs in place of a current key. Verifiers that
    keep a key set and do not ask again for a key that they do not know refuse its tokens until
    `replacement_known_from`; null: all know it, or none was needed.
    """

    kid: str
    revoked_at: datetime
    replaced_by: str | None
    replacement_known_from: datetime | None
