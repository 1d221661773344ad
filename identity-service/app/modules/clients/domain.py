"""How a client names and authenticates itself (RFC 6749 section 2.3): a pure rule of requests."""

from base64 import b64decode
from uuid import UUID

from app.core.forms import OAuthRequest, form_decoded, has_control_characters, invalid_request
from app.modules.clients.schemas import ClientCredentials
from shared_lib.errors import OAuthError


def credentials_of(request: OAuthRequest) -> ClientCredentials:
    """Read `client_secret_basic` or `client_secret_post`, or a client id alone.

    Raises OAuthError: `invalid_request` for both ways at once, `invalid_client` for a header that
    cannot be read.
    """
    named, secret = request.get("client_id"), request.get("client_secret")
    scheme, _, text = (request.authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return ClientCredentials(named, secret, basic=False)
    client_id, basic_secret = _basic(text)
    if secret is not None or named not in (None, client_id):
        raise invalid_request("repeated_parameter", "the client is named twice")
    return ClientCredentials(client_id, basic_secret, basic=True)


def account_id_of(credentials: ClientCredentials) -> UUID | None:
    """The service account that a client names itself, by the one spelling of its id."""
    try:
        account_id = UUID(credentials.client_id or "")
    except ValueError:
        return None
    return account_id if str(account_id) == credentials.client_id else None


def invalid_client(credentials: ClientCredentials, *, always_challenge: bool = False) -> OAuthError:
    """Client authentication failed; which part of it is not said."""
    return _refusal(basic=credentials.basic or always_challenge)


def _basic(text: str) -> tuple[str, str | None]:
    """Both halves are form-encoded before they are joined (RFC 6749 section 2.3.1)."""
    try:
        client_id, colon, secret = b64decode(text.strip(), validate=True).partition(b":")
        decoded = form_decoded(client_id), form_decoded(secret)
    except ValueError as error:
        raise _refusal(basic=True) from error
    if not colon or not decoded[0] or any(map(has_control_characters, decoded)):
        raise _refusal(basic=True)
    return decoded[0], decoded[1] or None


def _refusal(*, basic: bool) -> OAuthError:
    return OAuthError.invalid_client(
        code="invalid_client", description="client authentication failed", basic=basic
    )
