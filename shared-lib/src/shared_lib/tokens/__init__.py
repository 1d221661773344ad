"""Access tokens (RFC 9068): their claims, how they are signed, and how they are verified.

python-jose is imported by `_signature` and nowhere else; what a token must look like, and what
its claims must say, is decided by our own code before and after that arithmetic.
"""

from shared_lib.tokens._claims import (
    CORE_AUDIENCE,
    IDENTITY_AUDIENCE,
    LONGEST_LIFE,
    ORGANIZATION_ROLES,
    PEOPLE_AUDIENCES,
    PLATFORM_ROLES,
    SUPPORT_ROLE,
    Actor,
    Support,
    TokenData,
    internal_audience,
    signing_key_id,
)
from shared_lib.tokens._encoding import base64url_decode, base64url_encode, json_object
from shared_lib.tokens._issue import AccessTokenClaims, Claims, SignInSession, compact, sign
from shared_lib.tokens._refusal import TokenRefused
from shared_lib.tokens._signature import SigningKey, VerificationKey, WeakKey
from shared_lib.tokens._verifier import KeySource, TokenVerifier

__all__ = [
    "CORE_AUDIENCE",
    "IDENTITY_AUDIENCE",
    "LONGEST_LIFE",
    "ORGANIZATION_ROLES",
    "PEOPLE_AUDIENCES",
    "PLATFORM_ROLES",
    "SUPPORT_ROLE",
    "AccessTokenClaims",
    "Actor",
    "Claims",
    "KeySource",
    "SignInSession",
    "SigningKey",
    "Support",
    "TokenData",
    "TokenRefused",
    "TokenVerifier",
    "VerificationKey",
    "WeakKey",
    "base64url_decode",
    "base64url_encode",
    "compact",
    "internal_audience",
    "json_object",
    "sign",
    "signing_key_id",
]
