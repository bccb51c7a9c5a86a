"""How often one may ask: so many requests a minute by key, or by address where there are no keys.

The minute slides (Cloudflare's approximation, in `limits`): the requests of the last whole minute
count by the part of it that still lies within sixty seconds. Counted in memory, or in a Redis that
several processes share.
"""

import math
import time
from dataclasses import dataclass
from ipaddress import ip_address

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError

from api.security.errors import TooManyRequestsError
from search.config import Settings
from search.errors import ConfigError

WINDOW_S = 60
REDIS_WAIT_S = 0.5
"""Longest wait for an answer of Redis."""

SAY_AGAIN_S = 60.0
"""How often the log says that Redis does not answer."""

_log = structlog.stdlib.get_logger("vitrine.security")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to one caller."""

    limit: int
    remaining: int
    reset_s: int

    @property
    def headers(self) -> dict[str, str]:
        """As answers say it, after the IETF's draft "RateLimit header fields for HTTP" (03)."""
        return {
            "RateLimit-Limit": f"{self.limit}, {self.limit};w={WINDOW_S}",
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }


class RateLimits:
    """Counts requests. Use it in one event loop."""

    def __init__(self, per_minute: int, redis: str | None = None) -> None:
        """`per_minute`: 0 counts nothing. `redis`: where to count, instead of in this process.

        Raises:
            ConfigError: the address of Redis cannot be used, or its client is not installed.
        """
        self.per_minute = per_minute
        self._item = RateLimitItemPerMinute(max(1, per_minute))
        self._limiter = SlidingWindowCounterRateLimiter(_storage(redis))
        self._said_at = float("-inf")

    @classmethod
    def of(cls, settings: Settings) -> "RateLimits":
        """The limits of a service."""
        secret = settings.rate_limit_redis
        return cls(settings.rate_limit, secret.get_secret_value() if secret else None)

    async def take(self, caller: str) -> Allowance | None:
        """Count a request of the caller's; None where nothing is counted.

        While Redis does not answer nothing is counted either: limits keep the service from being
        busy, keys keep it from strangers.

        Raises:
            TooManyRequestsError: there were too many.
        """
        if not self.per_minute:
            return None
        try:
            served = await self._limiter.hit(self._item, caller)
            stats = await self._limiter.get_window_stats(self._item, caller)
        except StorageError as error:
            self._say(error)
            return None
        wait = max(1, math.ceil(stats.reset_time - time.time()))
        if not served:
            raise TooManyRequestsError(
                f"There were more than {self.per_minute:,} requests within a minute.",
                hint=f"Come again in {wait} s.",
                details={"retry_after_s": wait, "limit": self.per_minute, "window_s": WINDOW_S},
            )
        return Allowance(self.per_minute, int(stats.remaining), wait)

    def _say(self, error: StorageError) -> None:
        now = time.monotonic()
        if now - self._said_at > SAY_AGAIN_S:
            self._said_at = now
            # Of what class it is: its words may hold the address, password included.
            reason = type(error.__cause__ or error).__name__
            _log.warning("requests are not counted: Redis does not answer", reason=reason)


def counted_as(key_id: str | None, address: str | None) -> str | None:
    """Under which name a caller is counted; None for programs of this machine without a key."""
    if key_id is not None:
        return f"key:{key_id}"
    try:
        found = ip_address(address or "")
    except ValueError:
        return None  # No network at all: a socket of this machine.
    mapped = getattr(found, "ipv4_mapped", None) or found
    if mapped.is_loopback:
        return None
    # Whoever has one address of IPv6 has the other 2^64 of its network.
    return f"address:{mapped if mapped.version == 4 else int(mapped) >> 64}"


def _storage(redis: str | None) -> MemoryStorage | RedisStorage:
    if redis is None:
        return MemoryStorage()
    if not redis.startswith(("redis://", "rediss://", "redis+unix://")):
        raise ConfigError(
            "VITRINE_RATE_LIMIT_REDIS is no address of a Redis.",
            hint="Give redis://HOST:6379/0, or rediss:// for one with TLS.",
        )
    try:
        return RedisStorage(
            f"async+{redis}",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix="vitrine",
            socket_timeout=REDIS_WAIT_S,
            socket_connect_timeout=REDIS_WAIT_S,
        )
    except Exception as error:  # A library that is missing, a port that is no number, ...
        raise ConfigError(
            f"Requests cannot be counted in Redis: {type(error).__name__}.",
            hint="Install vitrine[redis] and check VITRINE_RATE_LIMIT_REDIS.",
        ) from error
