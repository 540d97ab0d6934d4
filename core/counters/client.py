"""A connection to the counters for processes that may wait: to one server, or to a cluster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis import Redis, RedisCluster
from redis.backoff import NoBackoff
from redis.exceptions import AskError, NoScriptError, RedisClusterException, RedisError
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import TimeoutError as TimedOut
from redis.retry import Retry

from core.counters.requests import Request

TIMEOUT_S = 2.0
AT_ONCE = 1000
Command = tuple[bytes, Sequence[bytes | str | int]]  # the key it is about, and all its words


class Counters:
    """Connects when it is first used. Every method raises RedisError when nobody answers."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._redis: Any = None

    @property
    def redis(self) -> Any:
        """The client of redis-py behind it."""
        if self._redis is None:
            with _as_unreachable():
                self._connect()
        return self._redis

    @property
    def is_cluster(self) -> bool:
        return isinstance(self.redis, RedisCluster)

    def _connect(self) -> None:
        options = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
        single = Redis.from_url(self._url, retry=Retry(NoBackoff(), 1), **options)
        said = single.info("server")
        if (said.get("redis_mode") or said.get("server_mode")) == "cluster":  # Redis, Valkey
            single.close()
            self._redis = RedisCluster.from_url(self._url, **options)
        else:
            self._redis = single

    def run(self, request: Request) -> Any:
        """Run one script."""
        return self.run_all([request])[0]

    def run_all(self, requests: Sequence[Request]) -> list[Any]:
        """Run scripts, in one round trip for each server."""
        commands = [_command(request) for request in requests]
        answers = self._send(commands)
        missing = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        for source in {requests[place].script.source for place in missing}:
            self.redis.script_load(source)
        for place, answer in zip(missing, self._send([commands[place] for place in missing]), strict=True):
            answers[place] = answer
        return _sound(answers)

    def ask_all(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands, in one round trip for each server."""
        return _sound(self._send(commands))

    def _send(self, commands: Sequence[Command]) -> list[Any]:
        """The answers, errors among them."""
        answers: list[Any] = []
        with _as_unreachable():
            for first in range(0, len(commands), AT_ONCE):
                answers += self._send_some(commands[first : first + AT_ONCE])
        return answers

    def _send_some(self, commands: Sequence[Command]) -> list[Any]:
        answers: list[Any] = [None] * len(commands)
        for server, places in self._servers_of(commands):
            pipeline = server.pipeline(transaction=False)
            for place in places:
                pipeline.execute_command(*commands[place][1])
            for place, answer in zip(places, self._executed(pipeline), strict=True):
                moved = isinstance(answer, AskError)  # this slot is, or is about to be, another server's
                answers[place] = self.redis.execute_command(*commands[place][1]) if moved else answer
        return answers

    def _servers_of(self, commands: Sequence[Command]) -> list[tuple[Any, Sequence[int]]]:
        """Every server with the places of its commands."""
        redis = self.redis
        if not self.is_cluster:
            return [(redis, range(len(commands)))]
        found: dict[str, tuple[Any, list[int]]] = {}
        for place, (key, _) in enumerate(commands):
            node = redis.get_node_from_key(key)
            found.setdefault(node.name, (redis.get_redis_connection(node), []))[1].append(place)
        return list(found.values())

    def _executed(self, pipeline: Any) -> list[Any]:
        try:
            return list(pipeline.execute(raise_on_error=False))
        except (Unreachable, TimedOut):
            if self.is_cluster:  # another server may be the primary now
                self.redis.nodes_manager.initialize()
            raise

    def close(self) -> None:
        if self._redis is not None:
            self._redis.close()


def _command(request: Request) -> Command:
    head = ("EVALSHA", request.script.sha, len(request.keys))
    return request.keys[0], [*head, *request.keys, *request.args]


def _sound(answers: list[Any]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, RedisError):
            raise answer
    return answers


@contextmanager
def _as_unreachable() -> Iterator[None]:
    """redis-py's errors about a cluster as a whole are no RedisError."""
    try:
        yield
    except RedisClusterException as error:
        raise Unreachable(str(error)) from error
