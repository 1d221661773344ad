"""What the authorization server says about itself, made of its settings."""

from urllib.parse import urlsplit

from app.core.settings import IdentitySettings
from app.modules.discovery.schemas import AuthorizationServerMetadata
from app.modules.token import service as token
from shared_lib.errors import NotFound

__all__ = ["metadata_below", "metadata_of"]

_WITH_SECRET = ("client_secret_basic", "client_secret_post")


def metadata_of(settings: IdentitySettings) -> AuthorizationServerMetadata:
    """The metadata. Password sign-in is a private matter of the first-party client.

    No response type and no code challenge method: there is no authorization endpoint.
    """
    base = settings.issuer.rstrip("/")
    return AuthorizationServerMetadata(
        issuer=settings.issuer,
        token_endpoint=f"{base}/token",
        jwks_uri=f"{base}/.well-known/jwks.json",
        response_types_supported=(),
        grant_types_supported=token.PUBLISHED_GRANTS,
        token_endpoint_auth_methods_supported=("none", *_WITH_SECRET),
        revocation_endpoint=f"{base}/revoke",
        revocation_endpoint_auth_methods_supported=("none", *_WITH_SECRET),
        introspection_endpoint=f"{base}/introspect",
        introspection_endpoint_auth_methods_supported=_WITH_SECRET,
    )


def metadata_below(settings: IdentitySettings, issuer_path: str) -> AuthorizationServerMetadata:
    """The metadata of an issuer whose URL has this path. Raises NotFound unless ours has.

    RFC 8414 section 3.1: the well-known part stands between the host and the issuer's path, from
    which a slash at its end is removed.
    """
    if f"/{issuer_path}" != urlsplit(settings.issuer).path.rstrip("/"):
        raise NotFound
    return metadata_of(settings)
