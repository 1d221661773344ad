"""Who callers without a token are where `REQUIRE_AUTH=false`."""

from uuid import UUID

from shared_lib.tokens import CORE_AUDIENCE, TokenData

# Made by the development loader and by nothing else.
PUBLIC_ORGANIZATION = UUID(int=0)

ANONYMOUS = TokenData(
    sub=UUID(int=0),
    client_id="anonymous",
    jti="anonymous",
    iat=0,
    exp=0,
    kid="",
    audience=(CORE_AUDIENCE,),
    sid=None,
    auth_time=None,
    amr=(),
    tenant_id=PUBLIC_ORGANIZATION,
    role="standard",
    act=None,
    support=None,
)
