"""How a support session can end, and how that is said to the customer."""

from enum import StrEnum


class End(StrEnum):
    """Who or what ended a support session."""

    AGENT = "agent"
    PLATFORM_ADMIN = "platform_admin"
    ORGANIZATION = "organization"
    CONSENT = "consent"
    REVOCATION = "revocation"
    EXPIRY = "expiry"

    @property
    def said(self) -> str:
        """For a receipt, behind `Ended by:`."""
        return _SAID[self]


_SAID = {
    End.AGENT: "the support agent",
    End.PLATFORM_ADMIN: "an administrator of the platform",
    End.ORGANIZATION: "your organization",
    End.CONSENT: "your organization, which no longer allows it",
    End.REVOCATION: "us, because an access that it stood on had ended",
    End.EXPIRY: "nobody: its time was over",
}
