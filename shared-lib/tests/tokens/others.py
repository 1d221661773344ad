"""Two other libraries, told the same as our verifier: what each of the three says to a token.

One key, RS256, issuer, audience, the claims that RFC 9068 requires, 30 seconds of leeway and the
same time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from unittest.mock import patch

import jwt
from joserfc import jws
from joserfc import jwt as jose_jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from typing_extensions import override

from shared_lib.errors import InvalidToken
from shared_lib.testing.hostile import CAP, corpus_forger
from shared_lib.tokens import CORE_AUDIENCE, TokenVerifier

FORGER = corpus_forger(CORE_AUDIENCE)
ISSUER = FORGER.issuer
NOW = FORGER.now
REQUIRED = ("iss", "aud", "sub", "exp", "iat", "jti", "client_id")

# Where both others accept a token and we do not, one of these is why.
STRICTER = {
    "typ": "RFC 9068 4: they are not asked to look at it",
    "kid": "RFC 8725 3.10: they are given the one key",
    "unknown key": "as above",
    "header": "RFC 8725 3.10: they ignore where a header says that a key is",
    "combination of claims": "RFC 8725 3.12: they know no kinds of token",
    "life": "they know no longest life, nor that exp comes after iat",
    "length": "they know no cap of ours",
    "sub": "ours are UUIDs in one spelling",
    "sid": "as above",
    "tenant_id": "as above",
    "client_id": "RFC 9068 2.2: they ask that it is there, not what it is",
    "jti": "they take any text",
    "auth_time": "they do not look at it",
    "amr": "they do not look at it",
    "role": "they do not look at it",
    "act": "they do not look at it",
    "support": "they do not look at it",
    "aud": "at most eight, and none of an internal operation beside others",
    "exp": "whole seconds of the years 1970 to 9999; they take fractions",
    "iat": "as above",
    "nbf": "as above",
    "a JSON name is given twice": "RFC 7515 4: they take the last one",
    "JSON is nested too deeply": "they have another bound, or none",
    "JSON has no NaN": "RFC 8259 6: Python's parser takes it",
    "JSON has no Infinity": "as above",
    "JSON has no -Infinity": "as above",
    "a JSON number is not finite": "as above",
    "'utf-8' codec": "RFC 8725 3.7: Python's parser takes UTF-16 and UTF-32, too",
    "Unexpected UTF-8": "as above",
    "Expecting": "as above, where such text is UTF-8 by chance",
}


class Still(datetime):
    """PyJWT cannot be told the time."""

    @classmethod
    @override
    def now(cls, tz: tzinfo | None = None) -> "Still":
        return cls.fromtimestamp(NOW, tz)


@contextmanager
def standing_still() -> Iterator[None]:
    """For them, too, it is the time at which the tokens are made."""
    with patch("jwt.api_jwt.datetime", Still):
        yield


class Registry(jws.JWSRegistry):
    """The header's members and sizes are our concern (RFC 7515 section 4: ignore unknown ones)."""

    max_header_length = max_payload_length = CAP


JOSERFC_KEY = RSAKey.import_key(ISSUER.jwks()["keys"][0])
JOSERFC = Registry(algorithms=["RS256"], strict_check_header=False)
JOSERFC_CLAIMS = jose_jwt.JWTClaimsRegistry(
    now=NOW,
    leeway=30,
    iss={"essential": True, "value": ISSUER.issuer},
    aud={"essential": True, "value": CORE_AUDIENCE},
    sub={"essential": True},
    exp={"essential": True},
    iat={"essential": True},
    jti={"essential": True},
    client_id={"essential": True},
)


async def our_reason(token: str) -> str | None:
    """Why we refuse it; None when we accept it."""
    verifier = TokenVerifier(
        issuer=ISSUER.issuer, keys=ISSUER.keys, audience=CORE_AUDIENCE, clock=ISSUER.now
    )
    try:
        await verifier.verify(token)
    except InvalidToken as refused:
        return str(refused.__cause__)
    return None


def pyjwt_accepts(token: str) -> bool:
    try:
        jwt.decode(
            token,
            ISSUER.signing_key.private.public_key(),
            algorithms=["RS256"],
            audience=CORE_AUDIENCE,
            issuer=ISSUER.issuer,
            leeway=30,
            options={"require": list(REQUIRED)},
        )
    except jwt.PyJWTError:
        return False
    except (ValueError, OverflowError, RecursionError, TypeError):
        return False  # it lets these escape
    return True


def joserfc_accepts(token: str) -> bool:
    try:
        decoded = jose_jwt.decode(token, JOSERFC_KEY, registry=JOSERFC)
        JOSERFC_CLAIMS.validate(decoded.claims)
    except JoseError:
        return False
    except (ValueError, OverflowError, RecursionError, TypeError, AttributeError):
        return False  # it lets these escape
    return True


async def compare(token: str) -> str | None:
    """Fail where we are laxer than either, and where we are stricter than both for no reason.

    The part of STRICTER that was needed, if any.
    """
    reason = await our_reason(token)
    theirs = (pyjwt_accepts(token), joserfc_accepts(token))
    if reason is None:
        assert theirs == (True, True)
        return None
    if theirs != (True, True):
        return None
    why = next((each for each in STRICTER if reason == each or reason.startswith(each + " ")), None)
    assert why, reason
    return why
