"""Every table of the core, imported once so that `metadata` is whole."""

from app.core.jobs import queue
from app.core.models import metadata, row_history, stored_key_sets
from app.modules.audit_events.models import audit_events
from app.modules.members.models import Member
from app.modules.organizations.models import Organization
from app.modules.popups.models import Popup
from app.modules.revocations.models import Revocation
from app.modules.support_sessions.models import SupportSession

__all__ = [
    "Member",
    "Organization",
    "Popup",
    "Revocation",
    "SupportSession",
    "audit_events",
    "metadata",
    "queue",
    "row_history",
    "stored_key_sets",
]
