"""Every table of the service, by import: what migrations and the start-up gate compare with."""

from app.modules.clients import models as clients
from app.modules.keys import models as keys
from app.modules.memberships import models as memberships
from app.modules.people import models as people
from app.modules.revocations import models as revocations
from app.modules.sessions import models as sessions

__all__ = ["clients", "keys", "memberships", "people", "revocations", "sessions"]
