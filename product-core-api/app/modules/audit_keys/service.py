"""Which audit keys are published: those of the settings, for the core holds no private one."""

from typing import Any

from app.core.settings import CoreSettings
from shared_lib.audit import audit_key_set


def published(settings: CoreSettings) -> dict[str, Any]:
    """The JWK Set (RFC 7517) of the key that signs now and of all before it."""
    return audit_key_set(settings.audit_public_keys)
