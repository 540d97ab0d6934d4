"""What the running calls of a wallet hold: known to Redis, and to PostgreSQL where that admits itself."""

from typing import Any

from flask import Flask, current_app
from redis.exceptions import RedisError

from core.config import Settings
from core.counters.client import Counters
from core.counters.keys import wallet_keys
from core.models import Wallet


def install(app: Flask, settings: Settings) -> None:
    app.extensions["counters"] = Counters(settings.counters_url)


def held_n(wallet: Wallet) -> int | None:
    """Nano-dollars; None when Redis does not answer."""
    counters: Any = current_app.extensions["counters"]
    try:
        held = counters.redis.hget(wallet_keys(wallet.bucket, wallet.id).pool, "held")
    except (RedisError, OSError):
        return None
    return wallet.held_n + int(held or 0)
