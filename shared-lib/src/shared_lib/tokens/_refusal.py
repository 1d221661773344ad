"""Why a token was refused: for our logs and tests; the client is told `invalid_token` only."""

__all__ = ["TokenRefused"]


class TokenRefused(Exception):
    """The rule that a token breaks, in a few words. It is the `__cause__` of an InvalidToken."""
