"""Slows down who guesses passwords or has mails sent, without locking anybody out (ASVS 6.1.1)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog
from fastapi import Request

from app.core.process import Process
from shared_lib.addresses import LONGEST_ADDRESS
from shared_lib.errors import ApiError, OutcomeUnknown
from shared_lib.limits import RateLimiter
from shared_lib.web import address_group

# Limits are called as the settings that set them.
PAIR, ADDRESS = "sign_in_limit_pair", "sign_in_limit_address"
ACCOUNT, SLOW_LANE = "sign_in_limit_account", "sign_in_slow_lane"
MAIL_ADDRESS, MAIL_ACCOUNT = "mail_limit_address", "mail_limit_account"
INVITATION_ADDRESS, INVITATION_TENANT = "invitation_limit_address", "invitation_limit_tenant"
INVITATION_RESEND = "invitation_limit_resend"

KnownAddresses = Callable[[], Awaitable[Iterable[str]]]
_log = structlog.get_logger(__name__)


class TooManyAttempts(ApiError):
    """Too many wrong passwords, or too many mails asked for, from here or for this account."""

    code = "too_many_attempts"
    status = 429
    title = "Too many attempts, try again later"


@dataclass(frozen=True)
class SignInAttempt:
    """An attempt that was admitted. It counts as a failure until it is said to be none.

    Counted before the password is looked at, so that a thousand at once are not let through.
    """

    limiter: RateLimiter
    account: str
    address: str

    async def succeeded(self) -> None:
        """The password was right: this account and client address begin anew."""
        await self.limiter.clear(PAIR, self.account, self.address)
        await self._give_back_others()

    async def withdraw(self) -> None:
        """Nobody has looked at the password."""
        await self.limiter.give_back(PAIR, self.account, self.address)
        await self._give_back_others()

    async def _give_back_others(self) -> None:
        if self.address:
            await self.limiter.give_back(ADDRESS, self.address)
        await self.limiter.give_back(ACCOUNT, self.account)


async def admit_sign_in(
    limiter: RateLimiter, username: str, client_ip: str, known_addresses: KnownAddresses
) -> SignInAttempt:
    """Count an attempt as a failure, or raise TooManyAttempts.

    An account and a client address that failed often together wait; so does a client address that
    failed often with many accounts. An account that failed often from everywhere is under attack:
    whoever comes from one of `known_addresses` is let in, all others share a slow lane. Whether
    there is such an account plays no part.
    """
    attempt = SignInAttempt(limiter, account_key(username), address_group(client_ip))
    account, address = attempt.account, attempt.address
    if wait := await limiter.hit(PAIR, account, address):
        raise _refusal(PAIR, wait)
    # Behind a Unix socket nobody has an address; counted as one, all would wait for one.
    if address and (wait := await limiter.hit(ADDRESS, address)):
        await limiter.give_back(PAIR, account, address)
        raise _refusal(ADDRESS, wait)
    try:
        attacked = await limiter.hit(ACCOUNT, account) > 0
        slow = attacked and not await _is_known(address, known_addresses)
        wait = await limiter.hit(SLOW_LANE, account) if slow else 0
    except BaseException:
        await attempt.withdraw()
        raise
    if wait:
        await attempt.withdraw()
        raise _refusal(SLOW_LANE, wait)
    return attempt


@asynccontextmanager
async def throttle_request(process: Process, request: Request, account: str) -> AsyncIterator[bool]:
    """Count a request that has a mail sent to the address `account`; whether to send it.

    For what anybody may ask for, such as sign-up and password reset; known address or not. Raises
    TooManyAttempts where one client address asks too often. An address that has had enough mails
    gets no further one, and whoever asks is not told: a refusal would let anybody keep its owner
    from the mails that he waits for, whose links he has. What cannot be promised in the block,
    because the database is away, does not count.
    """
    limiter, address = process.limiter, address_group(request.scope["state"]["client_ip"])
    if address and (wait := await limiter.hit(MAIL_ADDRESS, address)):
        raise _refusal(MAIL_ADDRESS, wait)
    if await limiter.hit(MAIL_ACCOUNT, account_key(account)):
        _log.warning("mail_not_sent", limit=MAIL_ACCOUNT)
        yield False
        return
    try:
        yield True
    except OutcomeUnknown:
        raise
    except Exception:
        if address:
            await limiter.give_back(MAIL_ADDRESS, address)
        await limiter.give_back(MAIL_ACCOUNT, account_key(account))
        raise


async def throttle_invitation(process: Process, tenant_id: UUID, email: str) -> None:
    """Count an invitation that is to be mailed. Raises TooManyAttempts.

    Anybody may found an organization, and its name is in the mail's subject. Who invites is known,
    so he is told.
    """
    limiter = process.limiter
    if wait := await limiter.hit(INVITATION_TENANT, str(tenant_id)):
        raise _refusal(INVITATION_TENANT, wait)
    if wait := await limiter.hit(INVITATION_ADDRESS, account_key(email)):
        await limiter.give_back(INVITATION_TENANT, str(tenant_id))
        raise _refusal(INVITATION_ADDRESS, wait)


async def throttle_resend(
    process: Process, tenant_id: UUID, invitation_id: UUID, email: str
) -> None:
    """The same for one that is sent again. Raises TooManyAttempts."""
    if wait := await process.limiter.hit(INVITATION_RESEND, str(invitation_id)):
        raise _refusal(INVITATION_RESEND, wait)
    await throttle_invitation(process, tenant_id, email)


def account_key(username: str) -> str:
    """What spellings of one address have in common: "" for what can be nobody's address.

    Addresses are ASCII (`shared_lib.addresses`), where everybody agrees about lower case. Nothing
    else is looked up, or another spelling would be another counter.
    """
    return username.lower() if username.isascii() and len(username) <= LONGEST_ADDRESS else ""


async def _is_known(address: str, known_addresses: KnownAddresses) -> bool:
    return address in {address_group(known) for known in await known_addresses() if known}


def _refusal(limit: str, wait: int) -> TooManyAttempts:
    _log.warning("too_many_attempts", limit=limit)
    return TooManyAttempts(headers={"retry-after": str(wait)})
