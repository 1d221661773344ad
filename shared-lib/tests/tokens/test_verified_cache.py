"""The cache of verified tokens: what it may answer, and for how long."""

from dataclasses import astuple
from uuid import uuid4

import pytest

from shared_lib.errors import InvalidToken
from shared_lib.testing.tokens import ManualClock, StaticKeys, TokenIssuer
from shared_lib.tokens import CORE_AUDIENCE, TokenVerifier, VerificationKey


class CountingKeys:
    """A KeySource that counts how often it is asked, and can lose its keys."""

    def __init__(self, *keys: VerificationKey) -> None:
        self._keys = StaticKeys(*keys)
        self.asked = 0
        self.lost = False

    async def key(self, kid: str) -> VerificationKey | None:
        self.asked += 1
        return None if self.lost else await self._keys.key(kid)


@pytest.fixture
def keys(issuer: TokenIssuer) -> CountingKeys:
    stranger = TokenIssuer(number=1)
    return CountingKeys(
        issuer.signing_key.verification_key(), stranger.signing_key.verification_key()
    )


@pytest.fixture
def verifier(issuer: TokenIssuer, keys: CountingKeys, clock: ManualClock) -> TokenVerifier:
    return TokenVerifier(
        issuer=issuer.issuer, keys=keys, audience=CORE_AUDIENCE, clock=clock, cache_size=3
    )


async def test_a_minute_passes_before_the_key_is_asked_again(
    issuer: TokenIssuer, verifier: TokenVerifier, keys: CountingKeys, clock: ManualClock
) -> None:
    token = issuer.person()
    first = await verifier.verify(token)
    clock.now += 59
    assert await verifier.verify(token) is first
    assert keys.asked == 1
    clock.now += 1
    assert astuple(await verifier.verify(token)) == astuple(first)
    assert keys.asked == 2


async def test_an_expired_token_is_not_answered_from_the_cache(
    issuer: TokenIssuer, verifier: TokenVerifier, keys: CountingKeys, clock: ManualClock
) -> None:
    token = issuer.person(lifetime=20)
    await verifier.verify(token)
    clock.now += 20
    await verifier.verify(token)  # within the leeway, and no longer from the cache
    assert keys.asked == 2
    clock.now += 30
    with pytest.raises(InvalidToken):
        await verifier.verify(token)


async def test_what_was_verified_for_one_audience_is_not_for_the_other(
    issuer: TokenIssuer, verifier: TokenVerifier
) -> None:
    plain, internal = issuer.person(tenant_id=uuid4()), issuer.service_to_service()
    for _ in range(2):
        assert not (await verifier.verify(plain)).is_service
        assert (await verifier.verify(internal, internal=True)).is_service
        with pytest.raises(InvalidToken):
            await verifier.verify(plain, internal=True)
        with pytest.raises(InvalidToken):
            await verifier.verify(internal)


async def test_forgetting_a_key_forgets_its_tokens_only(
    issuer: TokenIssuer, verifier: TokenVerifier, keys: CountingKeys, clock: ManualClock
) -> None:
    other = TokenIssuer(number=1, clock=clock)
    ours, theirs = issuer.person(), other.person()
    await verifier.verify(ours)
    await verifier.verify(theirs)
    keys.lost = True
    await verifier.verify(ours)
    verifier.forget_key(issuer.signing_key.kid)
    with pytest.raises(InvalidToken):
        await verifier.verify(ours)
    assert (await verifier.verify(theirs)).kid == other.signing_key.kid


async def test_the_least_recently_used_goes_first(
    issuer: TokenIssuer, verifier: TokenVerifier, keys: CountingKeys
) -> None:
    first, second, third, fourth = (issuer.person() for _ in range(4))
    for token in (first, second, third, first, fourth):
        await verifier.verify(token)
    assert keys.asked == 4
    keys.lost = True
    for token in (first, third, fourth):
        await verifier.verify(token)
    with pytest.raises(InvalidToken):
        await verifier.verify(second)


async def test_a_refusal_is_not_remembered(
    issuer: TokenIssuer, verifier: TokenVerifier, keys: CountingKeys
) -> None:
    token = issuer.person()
    keys.lost = True
    with pytest.raises(InvalidToken):
        await verifier.verify(token)
    keys.lost = False
    await verifier.verify(token)


async def test_another_spelling_of_a_cached_token_is_no_hit(
    issuer: TokenIssuer, verifier: TokenVerifier
) -> None:
    token = issuer.person()
    await verifier.verify(token)
    for spelling in (token + "=", token + "==", " " + token, token + "\n"):
        with pytest.raises(InvalidToken):
            await verifier.verify(spelling)


async def test_a_claim_cannot_be_changed_for_the_next_caller(
    issuer: TokenIssuer, verifier: TokenVerifier
) -> None:
    token = await verifier.verify(issuer.person())
    with pytest.raises(AttributeError):
        token.role = "platform_admin"  # type: ignore[misc]
