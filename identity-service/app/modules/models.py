"""Every table of the service: what migrations and the start-up gate compare with."""

from app.core.jobs import queue
from app.core.models import DATABASE, metadata
from app.modules.clients import models as clients
from app.modules.invitations import models as invitations
from app.modules.keys import models as keys
from app.modules.memberships import models as memberships
from app.modules.password_resets import models as password_resets
from app.modules.people import models as people
from app.modules.security_events import models as security_events
from app.modules.service_accounts import models as service_accounts
from app.modules.sessions import models as sessions
from app.modules.sign_ups import models as sign_ups
from app.modules.tenants import models as tenants

__all__ = [
    "DATABASE",
    "clients",
    "invitations",
    "keys",
    "memberships",
    "metadata",
    "password_resets",
    "people",
    "queue",
    "security_events",
    "service_accounts",
    "sessions",
    "sign_ups",
    "tenants",
]
