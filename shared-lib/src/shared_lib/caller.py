"""Who is calling, and from where: what transactions, logs and the audit trail need to know."""

from dataclasses import dataclass
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.types import Scope

from shared_lib.tokens import TokenData

_LONGEST_AGENT = 256


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal of one request. `token` is None for an anonymous caller.

    A job has no token: `job_tenant_id` is the organization that it works in.
    """

    token: TokenData | None
    request_id: UUID
    client_ip: str = ""
    user_agent: str = ""
    job_tenant_id: UUID | None = None

    @property
    def tenant_id(self) -> UUID | None:
        """The organization whose rows the caller works on."""
        return self.token.tenant_id if self.token else self.job_tenant_id

    @property
    def actor_id(self) -> UUID | None:
        """The person or service account that really acts."""
        return self.token.actor_id if self.token else None

    @property
    def support_session_id(self) -> UUID | None:
        """The support session that the caller acts in."""
        return self.token.support.id if self.token and self.token.support else None


def caller_of(request: HTTPConnection) -> Caller:
    """The caller that the middleware found. The user agent is cut to 256 characters."""
    state = request.scope["state"]
    return Caller(
        token=state["token"],
        request_id=UUID(state["request_id"]),
        client_ip=state["client_ip"],
        user_agent=_user_agent(request.scope),
    )


def _user_agent(scope: Scope) -> str:
    # Starlette's Headers would decode every name before it; this happens at each request.
    for name, value in scope["headers"]:
        if name == b"user-agent":
            text: str = value[:_LONGEST_AGENT].decode("latin-1")
            return text
    return ""
