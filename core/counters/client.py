"""A connection to the counters for processes that may wait: to one server, or to a cluster."""

from typing import Any

from redis import Redis, RedisCluster
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.counters.requests import Request

TIMEOUT_S = 2.0


class Counters:
    """Connects when it is first used. Every method raises RedisError when nobody answers."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._redis: Any = None
        self._scripts: dict[str, Any] = {}
        self.is_cluster = False

    @property
    def redis(self) -> Any:
        """The client of redis-py behind it."""
        if self._redis is None:
            self._connect()
        return self._redis

    def _connect(self) -> None:
        options = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
        single = Redis.from_url(self._url, retry=Retry(NoBackoff(), 1), **options)
        server = single.info("server")
        if "cluster" in (server.get("redis_mode"), server.get("server_mode")):  # Redis's name, Valkey's
            single.close()
            self.is_cluster, self._redis = True, RedisCluster.from_url(self._url, **options)
        else:
            self._redis = single

    def run(self, request: Request) -> Any:
        """Run one script."""
        script = self._scripts.get(request.script.name)
        if script is None:
            script = self._scripts[request.script.name] = self.redis.register_script(request.script.source)
        return script(keys=list(request.keys), args=list(request.args))

    def close(self) -> None:
        if self._redis is not None:
            self._redis.close()
