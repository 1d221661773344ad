"""Everybody of the access matrix as callers of identity, signed in or signed for."""

from uuid import UUID, uuid4

from app.core.process import issued_at
from shared_lib.ids import uuid7
from shared_lib.prove._principals import MEMBERS, OUTSIDE, PROGRAMS, Cast, Cell, Principal
from shared_lib.prove._routes_answers import ENDING
from shared_lib.tenancy import AccessMode
from shared_lib.tokens import Actor, SignInSession, Support
from tests.conftest import Identity, Person
from tests.team import internal_token

# What a trial is, the core knows alone.
_STATUSES = {
    AccessMode.ACTIVE: "active",
    AccessMode.READ_ONLY: "active",
    AccessMode.BLOCKED: "suspended",
}


async def make_cast(identity: Identity, operation: str) -> Cast:
    """A cast whose organizations nobody else uses, with spares for `operation` if that ends what
    its caller has.
    """
    spares: dict[tuple[str, Cell], str] = {}
    tokens: dict[Cell, str | None] = {
        (principal, None): await _outside(identity, principal) for principal in OUTSIDE
    }
    for mode, status in _STATUSES.items():
        organization = await identity.make_organization(status)
        for principal in Principal:
            if principal in MEMBERS:
                person = await identity.make_person()
                await identity.join(person, organization, principal.value)
                tokens[principal, mode] = await _signed_in(identity, person)
                if operation in ENDING:
                    spares[operation, (principal, mode)] = await _signed_in(identity, person)
            elif principal not in OUTSIDE:
                tokens[principal, mode] = _signed(identity, organization.id, principal)
    if operation in ENDING:
        outside = (each for each in OUTSIDE if each not in (Principal.NOBODY, Principal.SERVICE))
        for principal in outside:
            token = await _outside(identity, principal)
            spares |= {(operation, (principal, None)): token} if token else {}
    return Cast(tokens, spares=spares)


async def _signed_in(identity: Identity, person: Person) -> str:
    token: str = (await identity.sign_in(person))["access_token"]
    return token


async def _outside(identity: Identity, principal: Principal) -> str | None:
    if principal is Principal.NOBODY:
        return None
    if principal is Principal.SERVICE:
        return await internal_token(identity)
    role = None if principal is Principal.PERSON else principal.value
    return await _signed_in(identity, await identity.make_person(platform_role=role))


def _signed(identity: Identity, tenant_id: UUID, principal: Principal) -> str:
    """A token of whoever does not sign in: a program, or an agent in a support session."""
    process = identity.app.state.process
    now = issued_at()
    who, _, mode = principal.value.partition(", ")
    if principal in PROGRAMS:
        role = principal.value.partition("(")[2].rstrip(")")
        claims = process.claims.service_account(
            sub=uuid7(), client_id="program", tenant_id=tenant_id, role=role, iat=now
        )
    else:
        agent = uuid7()
        claims = process.claims.support_session(
            sub=agent,
            client_id="product-core-api",
            session=SignInSession(sid=uuid4(), auth_time=now, amr=("pwd",)),
            tenant_id=tenant_id,
            role=who.partition(" as ")[2] or "support",
            act=Actor(sub=agent, role="support_agent"),
            support=Support(id=uuid7(), mode=mode),
            iat=now,
            lifetime=900,
        )
    signed: str = process.sign(claims)
    return signed
