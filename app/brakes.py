"""Brakes on guessing and floods: so many attempts in so long a time, counted in Redis for all processes."""

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
        self._ask(subject, count=True)

    def check(self, subject: str) -> None:
        """Raise TooMany when there were too many attempts, without counting one."""
        self._ask(subject, count=False)

    def _ask(self, subject: str, *, count: bool) -> None:
        limiter: MovingWindowRateLimiter = current_app.extensions["limiter"]
        # A digest: subjects are mail addresses, and a key in Redis has a bound.
        who = sha256(subject.encode()).hexdigest()[:32]
        try:
            for limit in self.limits:
                passes = limiter.hit(limit, self.name, who) if count else limiter.test(limit, self.name, who)
                if not passes:
                    raise TooMany(
                        _("Too many attempts. Wait a little, then try again."),
                        retry_after_s=limit.get_expiry(),
                    )
        except RedisError as error:
            log.warning("brake_without_redis", brake=self.name, error=type(error).__name__)
            raise Unavailable(_("Not available right now. Try again in a moment.")) from error


def install(app: Flask, redis_url: str) -> None:
    storage = storage_from_string(redis_url, key_prefix="bl:brake", socket_timeout=2)
    app.extensions["limiter"] = MovingWindowRateLimiter(storage)


def caller_ip() -> str:
    """Where the request comes from; a header counts only from as many proxies as the settings trust."""
    return request.remote_addr or "unknown"
