"""The rules of signing keys: what is published, when they turn, and what a revocation entails."""

from collections.abc import Iterable

from fastapi import Response

from app.core.process import Process
from app.modules.keys.schemas import KeyRevocationRead, KeyRevoke, SigningKeyRead
from app.modules.revocations import service as revocations
from shared_lib.audit import PLATFORM
from shared_lib.errors import ApiError
from shared_lib.jwks import MEDIA_TYPE
from shared_lib.keys import (
    KeyRecord,
    PublishedKeys,
    Rotation,
    Schedule,
    SigningKeyStore,
    UnknownKey,
    revocation_event,
    rotation_event,
)
from shared_lib.tenancy import PlatformTx, ServiceTx, Unit, background_transaction
from shared_lib.web import Listing, Paging

__all__ = ["SigningKeyNotFound", "answer", "list_keys", "revoke_key", "turn_keys"]


class SigningKeyNotFound(ApiError):
    """No signing key has this kid."""

    code = "signing_key_not_found"
    status = 404
    title = "There is no such signing key"


def answer(published: PublishedKeys, if_none_match: Iterable[str]) -> Response:
    """The key set, or 304 for a client that has it (RFC 9110 section 13.1.2)."""
    headers = {
        "Cache-Control": f"public, max-age={published.max_age}",
        "ETag": published.etag,
    }
    known = {tag.strip().removeprefix("W/") for line in if_none_match for tag in line.split(",")}
    if known & {"*", published.etag}:
        return Response(status_code=304, headers=headers)
    return Response(published.body, headers=headers, media_type=MEDIA_TYPE)


async def list_keys(process: Process) -> Listing[SigningKeyRead]:
    """Every key, newest first: some a year, so all of them on one page."""
    records = await process.keyring.records()
    rows = [_shown(record, process.keys.schedule) for record in reversed(records)]
    paging = Paging(skip=0, limit=len(rows), total=len(rows), next_cursor=None)
    return Listing.model_construct(results=rows, paging=paging)


async def revoke_key(
    unit: Unit[PlatformTx], process: Process, kid: str, wish: KeyRevoke
) -> KeyRevocationRead:
    """Revoke a key in an emergency; raises SigningKeyNotFound.

    As role `worker`, for no other may touch keys: the caller was admitted before. This process
    signs with another key when it returns, the others have read of it within two seconds.
    """
    async with background_transaction(unit.runtime, ServiceTx, unit.caller) as tx:
        revocation = await _revoke(tx, process.keys, kid, wish.reason)
    unit.recorded = True  # there, with its reason
    await process.keyring.refresh()
    return revocation


async def turn_keys(tx: ServiceTx, store: SigningKeyStore) -> Rotation | None:
    """Take the steps that are due and safe, and tell of them; None when there was none."""
    rotation = await store.turn(tx.connection)
    if rotation is not None:
        await tx.record(rotation_event(rotation), tenant_id=PLATFORM)
    return rotation


async def _revoke(
    tx: ServiceTx, store: SigningKeyStore, kid: str, reason: str
) -> KeyRevocationRead:
    try:
        revocation = await store.revoke(tx.connection, kid)
    except UnknownKey as error:
        raise SigningKeyNotFound from error
    # Repeated: told again, for whoever repeats it fears that it was not heard.
    await revocations.revoke_signing_key(tx, kid, revocation.revoked_at)
    await tx.record(revocation_event(revocation, reason), tenant_id=PLATFORM)
    return KeyRevocationRead(kid, revocation.revoked_at, revocation.promoted, revocation.known_from)


def _shown(record: KeyRecord, schedule: Schedule) -> SigningKeyRead:
    return SigningKeyRead(
        kid=record.kid,
        state=record.state,
        published_at=record.published_at,
        activated_at=record.activated_at,
        deactivated_at=record.deactivated_at,
        retired_at=record.retired_at,
        revoked_at=record.revoked_at,
        next_step_from=schedule.next_step_from(record),
    )
