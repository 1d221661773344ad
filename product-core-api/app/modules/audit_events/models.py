"""The table of audit events."""

from app.core.models import metadata
from app.modules.support_sessions.models import SupportSession
from shared_lib.audit import EventInsert, audit_events_table

audit_events = audit_events_table(metadata)
events = EventInsert(audit_events, SupportSession.__table__)
