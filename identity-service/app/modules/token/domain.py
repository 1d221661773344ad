"""Which token a person gets, given who he is and where he belongs. Pure."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.modules.memberships.schemas import MembershipStanding
from app.modules.memberships.service import default_membership
from app.modules.people.schemas import Standing
from app.modules.sessions.schemas import SessionRow
from shared_lib.errors import OAuthError
from shared_lib.tokens import AccessTokenClaims, Claims, SignInSession


def invalid_grant(code: str, description: str) -> OAuthError:
    """What was presented is worth nothing, or not that (RFC 6749 section 5.2)."""
    return OAuthError("invalid_grant", code=code, description=description)


def membership_at_sign_in(
    standing: Standing, memberships: Sequence[MembershipStanding], wanted: UUID | None
) -> MembershipStanding | None:
    """Where a sign-in leads: the organization that it names, else the one used last.

    Raises OAuthError `invalid_grant`. Staff and people whose address is not verified enter none.
    """
    if wanted is not None:
        return membership_in(standing, memberships, wanted, code="tenant_not_found")
    if standing.platform_role is not None or not standing.verified:
        return None
    return default_membership(memberships, standing.last_tenant_id)


def membership_in(
    standing: Standing, memberships: Sequence[MembershipStanding], tenant_id: UUID, *, code: str
) -> MembershipStanding:
    """The membership in one organization. Raises OAuthError `invalid_grant` with `code`, or with
    `email_not_verified`.
    """
    found = next((each for each in memberships if each.tenant_id == tenant_id), None)
    if found is None or standing.platform_role is not None:
        raise invalid_grant(code, "the person is not a member of this organization")
    if not standing.verified:
        raise invalid_grant("email_not_verified", "the address of the person is not verified")
    return found


def refuse_without_second_factor(standing: Standing, environment: str) -> None:
    """Staff of the platform need a second factor, and until there are factors, cannot sign in.

    Raises OAuthError `invalid_grant` with `second_factor_required`; not in development.
    """
    if standing.platform_role is not None and environment != "development":
        raise invalid_grant("second_factor_required", "this account needs a second factor")


def not_before_of(
    standing: Standing, membership: MembershipStanding | None
) -> tuple[datetime | None, ...]:
    """After which instants a token must be issued, lest it be dead from the start."""
    return standing.tokens_not_before, membership.tokens_not_before if membership else None


def claims_of(
    makes: AccessTokenClaims,
    standing: Standing,
    membership: MembershipStanding | None,
    session: SessionRow,
    *,
    iat: int,
    lifetime: int,
) -> Claims:
    """The claims of a person's token: in an organization, without one, or of platform staff."""
    sub, client_id, signed_in = standing.id, session.client_id, sign_in_of(session)
    if standing.platform_role is not None:
        return makes.staff(
            sub=sub,
            client_id=client_id,
            session=signed_in,
            role=standing.platform_role,
            iat=iat,
            lifetime=lifetime,
        )
    if membership is not None:
        return makes.member(
            sub=sub,
            client_id=client_id,
            session=signed_in,
            tenant_id=membership.tenant_id,
            role=membership.role,
            iat=iat,
            lifetime=lifetime,
        )
    return makes.person(sub=sub, client_id=client_id, session=signed_in, iat=iat, lifetime=lifetime)


def sign_in_of(session: SessionRow) -> SignInSession:
    """The sign-in behind a token, as its claims say it."""
    return SignInSession(
        sid=session.id,
        auth_time=int(session.auth_time.timestamp()),
        amr=tuple(session.amr.split()),
    )
