"""Redis as the ledger process talks to it: one server, or a cluster."""

from typing import Any

from redis import Redis, RedisCluster

TIMEOUT_S = 5.0


def open_redis(url: str) -> tuple[Any, bool]:
    """A client, and whether it is of a cluster. Raises RedisError when nobody answers."""
    single = Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    mode = single.info("server").get("redis_mode", "standalone")
    if mode != "cluster":
        return single, False
    single.close()
    return RedisCluster.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S), True
