"""The audit trail: what an event says, how it is inserted, and the keys that sign."""

from shared_lib.audit._events import PLATFORM, AuditEvent, EventWriter, Outcome, event_values
from shared_lib.audit._signing import (
    REPORT,
    AuditKey,
    AuditKeyUnknown,
    AuditSignatureRefused,
    audit_key_set,
    read_audit_keys,
    verify_detached,
)
from shared_lib.audit._table import EventInsert, audit_events_table

__all__ = [
    "PLATFORM",
    "REPORT",
    "AuditEvent",
    "AuditKey",
    "AuditKeyUnknown",
    "AuditSignatureRefused",
    "EventInsert",
    "EventWriter",
    "Outcome",
    "audit_events_table",
    "audit_key_set",
    "event_values",
    "read_audit_keys",
    "verify_detached",
]
