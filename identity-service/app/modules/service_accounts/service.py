"""The rules of service accounts: who may make them, how secrets turn, how they end."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from app.modules.memberships import service as memberships
from app.modules.memberships.domain import next_not_before
from app.modules.revocations import service as revocations
from app.modules.service_accounts import repository
from app.modules.service_accounts.domain import hash_of, matching, new_secret
from app.modules.service_accounts.schemas import (
    MOST_SECRETS,
    Machine,
    SecretCreate,
    SecretCreated,
    ServiceAccountCreate,
    ServiceAccountCreated,
    ServiceAccountDetailRead,
    ServiceAccountRead,
)
from shared_lib.audit import AuditEvent
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError
from shared_lib.ids import uuid7
from shared_lib.tenancy import TenantTx, Tx
from shared_lib.web import Listing, PageRequest

T = TypeVar("T")
Changes = dict[str, list[str | None]]

_USE_IS_NOTED_EVERY = timedelta(minutes=1)
# A revoked account gets no further token, so the clocks of our processes may differ by this.
_CLOCKS_DIFFER = timedelta(minutes=1)


class ServiceAccountNotFound(ApiError):
    """There is no such service account in the caller's organization."""

    code = "service_account_not_found"
    status = 404
    title = "There is no such service account"


class SecretNotFound(ApiError):
    """The service account has no such secret."""

    code = "service_account_secret_not_found"
    status = 404
    title = "The service account has no such secret"


class ServiceAccountRevoked(ApiError):
    """It was revoked, and that is for ever: make another one."""

    code = "service_account_revoked"
    status = 409
    title = "The service account has been revoked"


class TooManySecrets(ApiError):
    """Two are alive: enough to replace one by the other."""

    code = "too_many_secrets"
    status = 409
    title = "The service account has two secrets: revoke one first"


async def list_service_accounts(tx: TenantTx, page: PageRequest) -> Listing[ServiceAccountRead]:
    """One page, newest first."""
    return await repository.list_accounts(tx, page)


async def get_service_account(tx: TenantTx, account_id: UUID) -> ServiceAccountDetailRead:
    """Raises ServiceAccountNotFound."""
    account = _found(await repository.get_account(tx, account_id))
    secrets = await repository.list_secrets(tx, account_id)
    return ServiceAccountDetailRead(**asdict(account), secrets=secrets)


async def create_service_account(tx: TenantTx, new: ServiceAccountCreate) -> ServiceAccountCreated:
    """An account and its first secret. Raises RoleNotAllowed for a role above one's own."""
    memberships.refuse_role_above(memberships.own_role(tx), new.role)
    now = utc_now()
    account = _found(
        await repository.insert_account(
            tx,
            id=uuid7(),
            name=new.name,
            role=new.role,
            created_by=tx.caller.actor_id,
            created_at=now,
        )
    )
    secret = await _insert_secret(tx, account.id, new, now)
    made: Changes = {"name": [None, new.name], "role": [None, new.role]}
    await _tell(tx, "service_accounts.create", account.id, made)
    return ServiceAccountCreated(**asdict(account), secret=secret)


async def revoke_service_account(tx: TenantTx, account_id: UUID) -> None:
    """End an account for ever, with its secrets and tokens; again, it changes nothing.

    Raises ServiceAccountNotFound.
    """
    account = _found(await repository.lock_account(tx, account_id))
    if not account.active:
        return
    await repository.lock_secrets(tx, account_id)
    now = utc_now()
    not_before = now + _CLOCKS_DIFFER
    await repository.revoke_account(tx, account_id, now, not_before)
    await revocations.revoke_service_account(tx, tx.tenant_id, account_id, not_before)
    await _tell(tx, "service_accounts.revoke", account_id)


async def create_secret(tx: TenantTx, account_id: UUID, new: SecretCreate) -> SecretCreated:
    """A further secret. Raises ServiceAccountNotFound, ServiceAccountRevoked, TooManySecrets."""
    account = _found(await repository.lock_account(tx, account_id))
    if not account.active:
        raise ServiceAccountRevoked
    now = utc_now()
    alive = [
        secret
        for secret in await repository.lock_secrets(tx, account_id)
        if secret.expires_at is None or secret.expires_at > now
    ]
    if len(alive) >= MOST_SECRETS:
        raise TooManySecrets
    secret = await _insert_secret(tx, account_id, new, now)
    made: Changes = {"secret_id": [None, str(secret.id)]}
    await _tell(tx, "service_account_secrets.create", account_id, made)
    return secret


async def revoke_secret(
    tx: TenantTx, account_id: UUID, secret_id: UUID, *, revoke_tokens: bool
) -> None:
    """End a secret for ever; again, it changes nothing.

    Tokens that were issued for it live on until they expire, so that nothing fails when secrets
    are turned; `revoke_tokens` ends all tokens of the account, for a secret that got out.
    Raises ServiceAccountNotFound, SecretNotFound.
    """
    account = _found(await repository.lock_account(tx, account_id))
    # Whoever got a token for it a moment ago is through; whoever asks for one now waits.
    await repository.lock_secrets(tx, account_id)
    secrets = {secret.id: secret for secret in await repository.list_secrets(tx, account_id)}
    if secret_id not in secrets:
        raise SecretNotFound
    now = utc_now()
    if secrets[secret_id].revoked_at is None:
        await repository.revoke_secret(tx, account_id, secret_id, now)
        gone: Changes = {"secret_id": [str(secret_id), None]}
        await _tell(tx, "service_account_secrets.revoke", account_id, gone)
    if revoke_tokens and account.active:
        not_before = next_not_before(now, account.tokens_not_before)
        await repository.end_tokens(tx, account_id, not_before)
        await revocations.revoke_service_account(tx, tx.tenant_id, account_id, not_before)
        await _tell(tx, "service_account_tokens.revoke", account_id)


async def authenticate(tx: Tx, account_id: UUID, secret: str, now: datetime) -> Machine | None:
    """The account whose secret was sent, `tx` being for that account.

    Until `tx` ends nobody revokes the secret: a token issued at `now` is older than its end.
    """
    candidate = matching(await repository.list_candidates(tx, account_id, now), secret)
    if candidate is None:
        return None
    this = (candidate.tenant_id, account_id, candidate.id)
    used = await repository.lock_used(tx, *this, now)
    if used is None:
        return None
    if used.last_used_at is None or now >= used.last_used_at + _USE_IS_NOTED_EVERY:
        await repository.touch_secret(tx, *this, now)
    return await repository.get_machine(tx, candidate.tenant_id, account_id)


async def revoke_token(tx: Tx, machine: Machine, jti: UUID, *, expires_at: datetime) -> None:
    """End one token of the account whom `tx` is for, here at once and in the core soon."""
    now = utc_now()
    if await repository.revoke_token(tx, machine, jti, expires_at=expires_at, now=now):
        await revocations.revoke_session(tx, jti, now)


async def is_token_alive(
    tx: Tx, tenant_id: UUID, account_id: UUID, jti: UUID | None, issued_at: datetime
) -> bool:
    """Whether neither the account, whom `tx` is for, nor this token of it was revoked."""
    machine = await repository.get_machine(tx, tenant_id, account_id)
    if machine is None:
        return False
    if machine.tokens_not_before is not None and issued_at <= machine.tokens_not_before:
        return False
    return jti is None or not await repository.is_token_revoked(tx, machine, jti)


async def _insert_secret(
    tx: TenantTx, account_id: UUID, new: SecretCreate, now: datetime
) -> SecretCreated:
    days = new.expires_in_days
    secret = SecretCreated(
        id=uuid7(),
        client_id=account_id,
        client_secret=new_secret(),
        created_at=now,
        expires_at=None if days is None else now + timedelta(days=days),
    )
    await repository.insert_secret(
        tx,
        account_id=account_id,
        id=secret.id,
        secret_hash=hash_of(secret.client_secret),
        created_at=now,
        expires_at=secret.expires_at,
    )
    return secret


async def _tell(
    tx: TenantTx, action: str, account_id: UUID, changes: Changes | None = None
) -> None:
    event = AuditEvent(action, str(account_id), changes=changes)
    await tx.record(event, tenant_id=tx.tenant_id)


def _found(account: T | None) -> T:
    if account is None:
        raise ServiceAccountNotFound
    return account
