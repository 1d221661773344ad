"""The token exchange (RFC 8693) by which the core begins a support session; one file per grant."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from structlog.contextvars import bind_contextvars

from app.core.database import transaction_of
from app.core.forms import OAuthRequest, invalid_request
from app.core.process import Process, issued_at
from app.modules.clients import service as clients
from app.modules.memberships import service as memberships
from app.modules.people import service as people
from app.modules.sessions import service as sessions
from app.modules.sessions.schemas import SessionRow
from app.modules.token.domain import membership_in, not_before_of, sign_in_of
from app.modules.token.schemas import ACCESS_TOKEN_TYPE, PERSON_ID_TYPE, ExchangedTokenRead
from shared_lib.clock import utc_now
from shared_lib.errors import InvalidToken, OAuthError
from shared_lib.tenancy import Tx, Unit
from shared_lib.tokens import (
    CORE_AUDIENCE,
    PLATFORM_ROLES,
    SUPPORT_ROLE,
    Actor,
    Support,
    TokenData,
)

_MODES = frozenset({"read_only", "read_write"})
_LIFETIME_DIGITS = 4


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the core asks for. `lifetime` is in seconds."""

    subject_id: UUID
    tenant_id: UUID
    support: Support
    lifetime: int


@dataclass(frozen=True, slots=True)
class _Agent:
    """The agent as he was at `seen_at`; no token for him may be issued until `not_before`."""

    actor: Actor
    session: SessionRow
    seen_at: datetime
    not_before: datetime | None


@dataclass(frozen=True, slots=True)
class _Subject:
    """In which role the agent acts; no token for it may be issued until `not_before`."""

    role: str
    not_before: tuple[datetime | None, ...] = ()


async def exchange(process: Process, unit: Unit[Tx], request: OAuthRequest) -> ExchangedTokenRead:
    """Sign a token with which an agent acts in an organization. Raises OAuthError."""
    client = await clients.authenticate(unit, request)
    if client.client_id != process.settings.core_client_id:
        raise OAuthError(
            "unauthorized_client",
            code="client_not_allowed",
            description="this client may not exchange tokens",
        )
    wish = _wish_of(request, process.settings.longest_token)
    token = await _actor_token(process, request)
    bind_contextvars(person=str(token.sub))
    async with transaction_of(unit, token.sub) as tx:
        agent = await _agent(tx, token)
    subject = _Subject(SUPPORT_ROLE)
    if wish.subject_id != token.sub:
        async with transaction_of(unit, wish.subject_id) as tx:
            subject = await _member(tx, wish)
    claims = process.claims.support_session(
        sub=wish.subject_id,
        client_id=client.client_id,
        session=sign_in_of(agent.session),
        tenant_id=wish.tenant_id,
        role=subject.role,
        act=agent.actor,
        support=wish.support,
        # Of the instant at which both were still looked at: whatever ends later, ends it, too.
        iat=issued_at(agent.not_before, *subject.not_before, now=agent.seen_at),
        lifetime=wish.lifetime,
    )
    return ExchangedTokenRead(process.sign(claims), wish.lifetime)


def _wish_of(request: OAuthRequest, longest: int) -> _Wish:
    _require_type(request, "subject_token_type", PERSON_ID_TYPE)
    _require_type(request, "actor_token_type", ACCESS_TOKEN_TYPE)
    if request.get("requested_token_type") is not None:
        _require_type(request, "requested_token_type", ACCESS_TOKEN_TYPE)
    if request.get("resource") is not None or request.require("audience") != CORE_AUDIENCE:
        raise OAuthError(
            "invalid_target",
            code="audience_not_allowed",
            description=f"the audience must be {CORE_AUDIENCE}",
        )
    mode = request.require("support_mode")
    if mode not in _MODES:
        raise invalid_request("invalid_parameter", "support_mode is unknown")
    return _Wish(
        subject_id=request.require_uuid("subject_token"),
        tenant_id=request.require_uuid("tenant_id"),
        support=Support(id=request.require_uuid("support_id"), mode=mode),
        lifetime=_lifetime_of(request.require("lifetime"), longest),
    )


def _require_type(request: OAuthRequest, name: str, only: str) -> None:
    if request.require(name) != only:
        raise invalid_request("unsupported_token_type", f"{name} must be {only}")


def _lifetime_of(text: str, longest: int) -> int:
    digits = text.isascii() and text.isdigit() and len(text) <= _LIFETIME_DIGITS
    lifetime = int(text) if digits else 0
    if not 1 <= lifetime <= longest:
        raise invalid_request("invalid_parameter", f"lifetime must be 1 to {longest} seconds")
    return lifetime


async def _actor_token(process: Process, request: OAuthRequest) -> TokenData:
    """Verified as every token that is sent to this service."""
    try:
        token = await process.verifier.verify(request.require("actor_token"))
    except InvalidToken as error:
        raise _invalid_actor() from error
    if token.sid is None or token.role not in PLATFORM_ROLES:
        raise _invalid_actor()
    return token


async def _agent(tx: Tx, token: TokenData) -> _Agent:
    """The agent as he is now: a token is up to a quarter of an hour old."""
    standing = await people.lock_standing(tx, token.sub)
    session = await sessions.find_alive(tx, token.sid) if token.sid else None
    if standing is None or standing.outlives(token.iat) or standing.platform_role is None:
        raise _invalid_actor()
    if session is None or session.person_id != token.sub:
        raise _invalid_actor()
    actor = Actor(sub=token.sub, role=standing.platform_role)
    return _Agent(actor, session, utc_now(), standing.tokens_not_before)


async def _member(tx: Tx, wish: _Wish) -> _Subject:
    """The member who is borrowed."""
    standing = await people.lock_standing(tx, wish.subject_id)
    if standing is None:
        raise _invalid_subject()
    listed = await memberships.hold_standings(tx, wish.subject_id)
    try:
        member = membership_in(standing, listed, wish.tenant_id, code="invalid_subject_token")
    except OAuthError as error:
        raise _invalid_subject() from error
    return _Subject(member.role, not_before_of(standing, member))


def _invalid_subject() -> OAuthError:
    return invalid_request(
        "invalid_subject_token", "the subject is not an active member of the organization"
    )


def _invalid_actor() -> OAuthError:
    return invalid_request(
        "invalid_actor_token", "the actor token is not that of an agent who is signed in"
    )
