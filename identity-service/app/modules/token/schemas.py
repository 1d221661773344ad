"""What the token endpoint takes and answers."""

from dataclasses import dataclass, field

ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  RFC 8693 section 3
PERSON_ID_TYPE = "urn:phase-zero:token-type:person-id"

PASSWORD = "password"  # noqa: S105  the name of a grant
CLIENT_CREDENTIALS = "client_credentials"
REFRESH_TOKEN = "refresh_token"  # noqa: S105
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105


@dataclass(frozen=True, slots=True)
class TokenRead:
    """An access token and what renews it (RFC 6749 section 5.1). `expires_in` is in seconds."""

    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str = field(repr=False)
    token_type: str = "Bearer"  # noqa: S105


@dataclass(frozen=True, slots=True)
class AccessTokenRead:
    """An access token alone: of a program, which nothing renews (RFC 6749 section 4.4.3), or of a
    person whose refresh token is in a cookie.
    """

    access_token: str = field(repr=False)
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105


@dataclass(frozen=True, slots=True)
class ExchangedTokenRead:
    """An access token for a support session (RFC 8693 section 2.2.1); nothing renews it."""

    access_token: str = field(repr=False)
    expires_in: int
    issued_token_type: str = ACCESS_TOKEN_TYPE
    token_type: str = "Bearer"  # noqa: S105


@dataclass(frozen=True, slots=True)
class IntrospectionRead:
    """What is told about a token (RFC 7662 section 2.2); of one that is not active, only that.

    `exp` and `iat` are seconds since 1970. Members without a value are left out.
    """

    active: bool
    token_type: str | None = None
    iss: str | None = None
    aud: tuple[str, ...] | None = None
    sub: str | None = None
    client_id: str | None = None
    iat: int | None = None
    exp: int | None = None
    jti: str | None = None
    tenant_id: str | None = None
    role: str | None = None


FORM_PARAMETERS = {
    "grant_type": f"`{PASSWORD}` (the default), `{REFRESH_TOKEN}`, "
    f"`{CLIENT_CREDENTIALS}`, `{TOKEN_EXCHANGE}`",
    "username": "Password: the address",
    "password": "Password: the password",
    "refresh_token": "Refresh: the token, good for one use; unless it is in the cookie",
    "refresh": (
        "Password and refresh: `cookie` has the refresh token come and go in an HttpOnly cookie, "
        "for pages of the allowed origins"
    ),
    "tenant_id": (
        "The organization that the token is for. Password: the one used last if not given; "
        "refresh: the present one if not given; exchange: required"
    ),
    "client_id": "The client, unless sent by Basic; `phase-zero-web` if not given",
    "client_secret": "Exchange and client credentials: unless sent by Basic",
    "subject_token": "Exchange: the id of the member to act as, or the agent's own",
    "subject_token_type": f"Exchange: `{PERSON_ID_TYPE}`",
    "actor_token": "Exchange: the agent's access token",
    "actor_token_type": f"Exchange: `{ACCESS_TOKEN_TYPE}`",
    "audience": (
        "Exchange: `product-core-api`; client credentials of a service account: `product-core-api` "
        "or `identity-service`, both if not given; of the core: `identity-service/internal`"
    ),
    "support_id": "Exchange: the id of the support session",
    "support_mode": "Exchange: `read_only` or `read_write`",
    "lifetime": "Exchange: seconds, 3600 at most",
}
"""The parameters of every grant, for the OpenAPI document; `app.core.forms` reads them."""

_CLIENT = {
    "client_id": "The client, unless sent by Basic",
    "client_secret": "Its secret, unless sent by Basic",
}
_HINT = {"token_type_hint": "Not needed: every kind of token is looked for"}
INTROSPECTION_PARAMETERS = {"token": "The token to look at", **_HINT, **_CLIENT}
"""The parameters of `/introspect`."""

REVOCATION_PARAMETERS = {
    "token": "The token to give back",
    **_HINT,
    **_CLIENT,
    "client_id": "The client, unless sent by Basic; `phase-zero-web` if not given",
}
"""The parameters of `/revoke`."""
