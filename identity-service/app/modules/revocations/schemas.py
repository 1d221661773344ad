"""What can end."""

from enum import StrEnum


class Kind(StrEnum):
    """What ended. A session and a key for ever; of the others, tokens issued until an instant."""

    SESSION = "session"
    PERSON = "person"
    MEMBERSHIP = "membership"
    SERVICE_ACCOUNT = "service_account"
    SIGNING_KEY = "signing_key"
