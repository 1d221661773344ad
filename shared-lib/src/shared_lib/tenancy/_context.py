"""The organization of the request being served, for logs and for code of users.

It never decides about rows: the transaction takes its tenant once, when it is made.
"""

from contextvars import ContextVar
from uuid import UUID

current_tenant_id: ContextVar[UUID | None] = ContextVar("current_tenant_id", default=None)
