"""Counting calls by the minute, and telling the caller where it stands.

The count is shared by all proxies through Redis. It informs; refusing what goes beyond belongs to admission.
When Redis does not answer at once, the call goes on without these headers.
"""

import time
from dataclasses import dataclass
from uuid import UUID

import structlog
from aiohttp import web
from redis.asyncio import Redis
from redis.exceptions import RedisError

WINDOW_S = 60
TIMEOUT_S = 0.25
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls a minute: how many, how many are left, and when (Unix seconds) the count starts anew."""

    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }


RATE = web.RequestKey("rate", Rate)


class Rates:
    def __init__(self, redis_url: str) -> None:
        self._redis = Redis.from_url(redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)

    async def count(self, user_id: UUID, *, limit: int) -> Rate | None:
        """Count one call of this user in the minute it is."""
        minute = int(time.time()) // WINDOW_S
        key = f"bl:rpm:{{{user_id}}}:{minute}"
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.incr(key)
                pipeline.expire(key, 2 * WINDOW_S)
                count, _ = await pipeline.execute()
        except (RedisError, OSError, TimeoutError, RuntimeError) as error:
            # RuntimeError: what uvloop raises for a write to a connection that was reset a moment ago
            _log.warning("rate_not_counted", error=type(error).__name__)
            return None
        return Rate(limit, max(0, limit - count), (minute + 1) * WINDOW_S)

    async def close(self) -> None:
        await self._redis.aclose()


async def add_rate_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Tell the caller, on success and refusal alike (a signal handler of aiohttp)."""
    rate = request.get(RATE)
    if rate is not None:
        response.headers.update(rate.headers())
