"""JSON Web Key Sets (RFC 7517): the document that identity serves and the client that reads it."""

from shared_lib.jwks._client import JwksClient, KeySetStore
from shared_lib.jwks._document import (
    MEDIA_TYPE,
    KeySetRefused,
    document_etag,
    generate_private_key,
    jwks_document,
    public_jwk,
    read_jwks,
    thumbprint,
    verification_key,
)
from shared_lib.jwks._refreshed import FetchedKeys, RefreshedKeys, Refreshing

__all__ = [
    "MEDIA_TYPE",
    "FetchedKeys",
    "JwksClient",
    "KeySetRefused",
    "KeySetStore",
    "RefreshedKeys",
    "Refreshing",
    "document_etag",
    "generate_private_key",
    "jwks_document",
    "public_jwk",
    "read_jwks",
    "thumbprint",
    "verification_key",
]
