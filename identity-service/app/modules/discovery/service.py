"""What the authorization server says about itself, made of its settings."""

from app.core.settings import IdentitySettings
from app.modules.discovery.schemas import AuthorizationServerMetadata
from app.modules.token import service as token

__all__ = ["metadata_of"]


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
        token_endpoint_auth_methods_supported=(
            "none",
            "client_secret_basic",
            "client_secret_post",
        ),
    )
