"""All SQL about service accounts, their secrets and the tokens that they revoked."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Uuid, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_once

from app.modules.service_accounts.models import (
    RevokedToken,
    ServiceAccount,
    ServiceAccountSecret,
)
from app.modules.service_accounts.schemas import (
    Candidate,
    LockedAccount,
    Machine,
    SecretRead,
    ServiceAccountRead,
    Used,
)
from shared_lib.tables import Statement
from shared_lib.tenancy import NewestFirst, TenantTx, Tx
from shared_lib.web import Listing, PageRequest

# Verifiers whose clocks are behind accept a token for a while after it has expired.
_LATE = timedelta(minutes=1)

_TENANT = bindparam("tenant_id", type_=Uuid)
_ACCOUNT = bindparam("account_id", type_=Uuid)
_SECRET = bindparam("secret_id", type_=Uuid)
_NOW = bindparam("now", type_=DateTime(timezone=True))
_NOT_BEFORE = bindparam("not_before", type_=DateTime(timezone=True))

_OURS = ServiceAccount.tenant_id == _TENANT
_THIS = (_OURS, ServiceAccount.id == _ACCOUNT)
_ITS_SECRETS = (
    ServiceAccountSecret.tenant_id == _TENANT,
    ServiceAccountSecret.account_id == _ACCOUNT,
)
_NOT_REVOKED = ServiceAccountSecret.revoked_at.is_(None)
_ALIVE = (
    _NOT_REVOKED,
    (ServiceAccountSecret.expires_at.is_(None)) | (ServiceAccountSecret.expires_at > _NOW),
)

_COLUMNS = (
    ServiceAccount.id,
    ServiceAccount.name,
    ServiceAccount.role,
    ServiceAccount.active,
    ServiceAccount.created_by,
    ServiceAccount.created_at,
    ServiceAccount.revoked_at,
)
_SECRET_COLUMNS = (
    ServiceAccountSecret.id,
    ServiceAccountSecret.created_at,
    ServiceAccountSecret.expires_at,
    ServiceAccountSecret.revoked_at,
    ServiceAccountSecret.last_used_at,
)

_LIST = NewestFirst(
    select(*_COLUMNS).where(_OURS),
    ServiceAccountRead,
    created=ServiceAccount.created_at,
    identity=ServiceAccount.id,
)
_GET = Statement(select(*_COLUMNS).where(*_THIS), ServiceAccountRead)
_LOCK = Statement(
    select(ServiceAccount.active, ServiceAccount.tokens_not_before).where(*_THIS).with_for_update(),
    LockedAccount,
)
_INSERT: Statement[ServiceAccountRead] = Statement(
    insert(ServiceAccount)
    .values(
        {
            column.key: bindparam(column.key, type_=column.type)
            for column in (
                ServiceAccount.tenant_id,
                ServiceAccount.id,
                ServiceAccount.name,
                ServiceAccount.role,
                ServiceAccount.created_by,
                ServiceAccount.created_at,
            )
        }
    )
    .returning(*_COLUMNS),
    ServiceAccountRead,
)
_REVOKE: Statement[Any] = Statement(
    update(ServiceAccount).where(*_THIS).values(revoked_at=_NOW, tokens_not_before=_NOT_BEFORE)
)
_END_TOKENS: Statement[Any] = Statement(
    update(ServiceAccount).where(*_THIS).values(tokens_not_before=_NOT_BEFORE)
)

_LIST_SECRETS = Statement(
    select(*_SECRET_COLUMNS).where(*_ITS_SECRETS).order_by(ServiceAccountSecret.id), SecretRead
)
_LOCK_SECRETS = Statement(
    select(*_SECRET_COLUMNS)
    .where(*_ITS_SECRETS, _NOT_REVOKED)
    .order_by(ServiceAccountSecret.id)
    .with_for_update(),
    SecretRead,
)
_INSERT_SECRET: Statement[Any] = Statement(
    insert(ServiceAccountSecret).values(
        {
            column.key: bindparam(column.key, type_=column.type)
            for column in (
                ServiceAccountSecret.tenant_id,
                ServiceAccountSecret.account_id,
                ServiceAccountSecret.id,
                ServiceAccountSecret.secret_hash,
                ServiceAccountSecret.created_at,
                ServiceAccountSecret.expires_at,
            )
        }
    )
)
_REVOKE_SECRET: Statement[Any] = Statement(
    update(ServiceAccountSecret)
    .where(*_ITS_SECRETS, ServiceAccountSecret.id == _SECRET, _NOT_REVOKED)
    .values(revoked_at=_NOW)
)
_REVOKE_SECRETS: Statement[Any] = Statement(
    update(ServiceAccountSecret).where(*_ITS_SECRETS, _NOT_REVOKED).values(revoked_at=_NOW)
)

# What follows is asked as role `auth`, which sees the one account that its transaction is for.
_CANDIDATES = Statement(
    select(
        ServiceAccountSecret.id, ServiceAccountSecret.tenant_id, ServiceAccountSecret.secret_hash
    ).where(ServiceAccountSecret.account_id == _ACCOUNT, *_ALIVE),
    Candidate,
)
# Locked, so that a secret that is being revoked does not get a token at the same moment.
_LOCK_USED = Statement(
    select(ServiceAccountSecret.last_used_at)
    .where(*_ITS_SECRETS, ServiceAccountSecret.id == _SECRET, *_ALIVE)
    .with_for_update(key_share=True),
    Used,
)
_TOUCH: Statement[Any] = Statement(
    update(ServiceAccountSecret)
    .where(*_ITS_SECRETS, ServiceAccountSecret.id == _SECRET)
    .values(last_used_at=_NOW)
)
_MACHINE = Statement(
    select(
        ServiceAccount.id,
        ServiceAccount.tenant_id,
        ServiceAccount.role,
        ServiceAccount.tokens_not_before,
    ).where(*_THIS, ServiceAccount.active),
    Machine,
)
_ITS_TOKENS = (RevokedToken.tenant_id == _TENANT, RevokedToken.account_id == _ACCOUNT)
_FORGET_TOKENS: Statement[Any] = Statement(
    delete(RevokedToken).where(*_ITS_TOKENS, RevokedToken.expires_at < _NOW)
)
_REVOKE_TOKEN: Statement[Any] = Statement(
    insert_once(RevokedToken)
    .values({each.key: bindparam(each.key, type_=each.type) for each in RevokedToken.__table__.c})
    .on_conflict_do_nothing()
)
_COUNT_TOKEN: Statement[int] = Statement(
    select(func.count()).where(*_ITS_TOKENS, RevokedToken.jti == bindparam("jti", type_=Uuid)), int
)


async def list_accounts(tx: TenantTx, page: PageRequest) -> Listing[ServiceAccountRead]:
    """One page, newest first; revoked ones too."""
    return await _LIST.page(tx, page)


async def get_account(tx: TenantTx, account_id: UUID) -> ServiceAccountRead | None:
    """One account, or None."""
    return await tx.one(_GET, account_id=account_id)


async def lock_account(tx: TenantTx, account_id: UUID) -> LockedAccount | None:
    """One account, whose secrets nobody else adds or revokes until the transaction ends."""
    return await tx.one(_LOCK, account_id=account_id)


async def insert_account(tx: TenantTx, **values: Any) -> ServiceAccountRead | None:
    """`id`, `name`, `role`, `created_by` and `created_at`."""
    return await tx.one(_INSERT, **values)


async def revoke_account(
    tx: TenantTx, account_id: UUID, now: datetime, not_before: datetime
) -> None:
    """End an account and its secrets for ever. Locked before."""
    await tx.execute(_REVOKE, account_id=account_id, now=now, not_before=not_before)
    await tx.execute(_REVOKE_SECRETS, account_id=account_id, now=now)


async def end_tokens(tx: TenantTx, account_id: UUID, not_before: datetime) -> None:
    """Note that tokens issued until then are dead."""
    await tx.execute(_END_TOKENS, account_id=account_id, not_before=not_before)


async def list_secrets(tx: TenantTx, account_id: UUID) -> list[SecretRead]:
    """All secrets of an account, the oldest first."""
    return await tx.rows(_LIST_SECRETS, account_id=account_id)


async def lock_secrets(tx: TenantTx, account_id: UUID) -> list[SecretRead]:
    """Those that are not revoked; whoever uses one waits until the transaction ends."""
    return await tx.rows(_LOCK_SECRETS, account_id=account_id)


async def insert_secret(tx: TenantTx, **values: Any) -> None:
    """`account_id`, `id`, `secret_hash`, `created_at` and `expires_at`."""
    await tx.execute(_INSERT_SECRET, **values)


async def revoke_secret(tx: TenantTx, account_id: UUID, secret_id: UUID, now: datetime) -> None:
    """End a secret for ever."""
    await tx.execute(_REVOKE_SECRET, account_id=account_id, secret_id=secret_id, now=now)


async def list_candidates(tx: Tx, account_id: UUID, now: datetime) -> list[Candidate]:
    """The secrets that are alive of the account whom `tx` is for."""
    return await tx.rows(_CANDIDATES, account_id=account_id, now=now)


async def lock_used(
    tx: Tx, tenant_id: UUID, account_id: UUID, secret_id: UUID, now: datetime
) -> Used | None:
    """A secret that is still alive, and that nobody revokes until the transaction ends."""
    return await tx.one(
        _LOCK_USED, tenant_id=tenant_id, account_id=account_id, secret_id=secret_id, now=now
    )


async def touch_secret(
    tx: Tx, tenant_id: UUID, account_id: UUID, secret_id: UUID, now: datetime
) -> None:
    """Note that a secret was used."""
    await tx.execute(
        _TOUCH, tenant_id=tenant_id, account_id=account_id, secret_id=secret_id, now=now
    )


async def get_machine(tx: Tx, tenant_id: UUID, account_id: UUID) -> Machine | None:
    """The account whom `tx` is for, unless it was revoked."""
    return await tx.one(_MACHINE, tenant_id=tenant_id, account_id=account_id)


async def revoke_token(
    tx: Tx, machine: Machine, jti: UUID, *, expires_at: datetime, now: datetime
) -> bool:
    """Whether this revoked the token, rather than somebody before. Forgets expired ones."""
    whose = {"tenant_id": machine.tenant_id, "account_id": machine.id}
    await tx.execute(_FORGET_TOKENS, now=now - _LATE, **whose)
    token = {"jti": jti, "revoked_at": now, "expires_at": expires_at}
    return await tx.execute(_REVOKE_TOKEN, **token, **whose) > 0


async def is_token_revoked(tx: Tx, machine: Machine, jti: UUID) -> bool:
    """Whether the account itself revoked the token."""
    found = await tx.one(_COUNT_TOKEN, tenant_id=machine.tenant_id, account_id=machine.id, jti=jti)
    return bool(found)
