"""Brakes on guessing and floods: so many attempts in so long a time, counted in Redis for all processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

import structlog
from flask import Flask, current_app, request
from flask_babel import gettext as _
from limits import RateLimitItem, parse_many
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from core.errors import TooMany, Unavailable

log = structlog.get_logger()


class Brake:
    """A named limit, such as Brake("sign-in", "10/minute;100/hour"), kept per subject."""

    def __init__(self, name: str, limits: str) -> None:
        self.name = name
        self.limits: list[RateLimitItem] = parse_many(limits)

    def press(self, subject: str) -> None:
        """Count an attempt. Raises TooMany when there were too many."""
        limiter, who = self._limiter(), self._who(subject)
        with self._redis():
            for limit in self.limits:
                if not limiter.hit(limit, self.name, who):
                    message = _("Too many attempts. Wait a little, then try again.")
                    raise TooMany(message, retry_after_s=limit.get_expiry())

    def release(self, subject: str) -> None:
        """Forget the attempts: who made them has shown to be the right one."""
        with self._redis():
            for limit in self.limits:
                self._limiter().clear(limit, self.name, self._who(subject))

    def _limiter(self) -> MovingWindowRateLimiter:
        limiter: MovingWindowRateLimiter = current_app.extensions["limiter"]
        return limiter

    def _who(self, subject: str) -> str:
        """A digest: subjects are mail addresses, and a key in Redis has a bound."""
        return sha256(subject.encode()).hexdigest()[:32]

    @contextmanager
    def _redis(self) -> Iterator[None]:
        """Without Redis nothing is counted, so nothing is let through."""
        try:
            yield
        except RedisError as error:
            log.warning("brake_without_redis", brake=self.name, error=type(error).__name__)
            raise Unavailable(_("Not available right now. Try again in a moment.")) from error


def install(app: Flask, redis_url: str) -> None:
    storage = storage_from_string(redis_url, key_prefix="bl:brake", socket_timeout=2)
    app.extensions["limiter"] = MovingWindowRateLimiter(storage)


def caller_ip() -> str:
    """Where the request comes from; a header counts only from as many proxies as the settings trust."""
    return request.remote_addr or "unknown"
