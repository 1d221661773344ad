"""Rate limits: how often something may be done, counted in Redis or in this process."""

from shared_lib.limits._limiter import RateLimiter
from shared_lib.limits._setting import RateLimit, RedisUrl

__all__ = ["RateLimit", "RateLimiter", "RedisUrl"]
