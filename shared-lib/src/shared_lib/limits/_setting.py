"""A limit, and the place where it is counted, as settings write them."""

from typing import Annotated

from limits import RateLimitItem, parse_many
from pydantic import AfterValidator, SecretStr

OFF = "off"
_REDIS = ("redis://", "rediss://", "unix://")


def parsed(text: str) -> RateLimitItem | None:
    """The limit that `text` means, or None for one that is off. Raises ValueError."""
    if text.strip() in ("", OFF):
        return None
    try:
        items = parse_many(text)
    except ValueError:
        items = []
    if len(items) != 1 or items[0].amount < 1:
        raise ValueError("must be a limit such as 1200/minute or 5/15 minutes, or off")
    return items[0]


def _checked(text: str) -> str:
    parsed(text)
    return text


# An empty variable counts as none, so the environment says `off` where code may say "".
RateLimit = Annotated[str, AfterValidator(_checked)]


def _redis_url(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    if text and not text.startswith(_REDIS):
        raise ValueError("must be a URL that starts with redis://, rediss:// or unix://")
    return url


RedisUrl = Annotated[SecretStr, AfterValidator(_redis_url)]
