"""The audit trail: what an event says and how it is inserted."""

from shared_lib.audit._events import PLATFORM, AuditEvent, EventWriter, Outcome, event_values
from shared_lib.audit._table import EventInsert, audit_events_table

__all__ = [
    "PLATFORM",
    "AuditEvent",
    "EventInsert",
    "EventWriter",
    "Outcome",
    "audit_events_table",
    "event_values",
]
