"""Security events: what happened in identity, on its way to the audit trail of the core."""
