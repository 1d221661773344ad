"""How settings write limits, and what is refused."""

import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from shared_lib.limits import RateLimit, RedisUrl
from shared_lib.limits._setting import parsed

ADAPTER: TypeAdapter[str] = TypeAdapter(RateLimit)
REDIS: TypeAdapter[SecretStr] = TypeAdapter(RedisUrl)


@pytest.mark.parametrize(
    ("text", "amount", "seconds"),
    [
        ("1200/minute", 1200, 60),
        ("5/15 minutes", 5, 900),
        ("5 per 15 minute", 5, 900),
        ("1/10 second", 1, 10),
        ("20/hour", 20, 3600),
    ],
)
def test_a_limit(text: str, amount: int, seconds: int) -> None:
    limit = parsed(ADAPTER.validate_python(text))
    assert limit is not None
    assert (limit.amount, limit.get_expiry()) == (amount, seconds)


@pytest.mark.parametrize("text", ["", "off", " off "])
def test_off(text: str) -> None:
    assert parsed(ADAPTER.validate_python(text)) is None


@pytest.mark.parametrize(
    "text", ["many", "0/minute", "-1/minute", "5/minute;1/second", "5", "5/fortnight", "on"]
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="must be a limit such as"):
        ADAPTER.validate_python(text)


@pytest.mark.parametrize(
    "url", ["", "redis://h:6379/1", "rediss://:password@h/0", "unix:///run/redis.sock"]
)
def test_where_they_are_counted(url: str) -> None:
    assert REDIS.validate_python(url).get_secret_value() == url


@pytest.mark.parametrize("url", ["http://h", "h:6379", " redis://h"])
def test_what_is_no_redis_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must be a URL that starts with redis://"):
        REDIS.validate_python(url)
