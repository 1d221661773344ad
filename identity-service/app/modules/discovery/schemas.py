"""The metadata of an authorization server."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuthorizationServerMetadata:
    """RFC 8414 section 2, as far as something of it works here."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    response_types_supported: tuple[str, ...]
    grant_types_supported: tuple[str, ...]
    token_endpoint_auth_methods_supported: tuple[str, ...]
    revocation_endpoint: str
    revocation_endpoint_auth_methods_supported: tuple[str, ...]
    introspection_endpoint: str
    introspection_endpoint_auth_methods_supported: tuple[str, ...]
