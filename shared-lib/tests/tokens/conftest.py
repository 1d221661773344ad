"""An issuer and a verifier that agree about the time."""

import pytest

from shared_lib.testing.tokens import ManualClock, TokenIssuer
from shared_lib.tokens import CORE_AUDIENCE, TokenVerifier


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def issuer(clock: ManualClock) -> TokenIssuer:
    return TokenIssuer(clock=clock)


@pytest.fixture
def verifier(issuer: TokenIssuer, clock: ManualClock) -> TokenVerifier:
    return TokenVerifier(
        issuer=issuer.issuer, keys=issuer.keys, audience=CORE_AUDIENCE, clock=clock
    )
