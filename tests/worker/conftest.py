"""What tests of background processes stand on: a Redis database and an environment of their own."""

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis import Redis

from core.actions.release import ROOT
from core.counters.client import Counters
from tests.core.charging.conftest import open_desk
from tests.worker.lease_desk import LeaseDesk

__all__ = ["open_desk"]


@pytest.fixture
def jobs_url(redis_url: str) -> Iterator[str]:
    """An empty Redis database of this test's own, emptied again after it."""
    for number in range(1, 16):
        url = urlsplit(redis_url)._replace(path=f"/{number}").geturl()
        with Redis.from_url(url) as redis:
            if redis.dbsize() == 0 and redis.set("claimed", 1, nx=True, ex=300):
                yield url
                redis.flushdb()
                return
    pytest.fail("every Redis database is in use")


@pytest.fixture
def jobs_redis(jobs_url: str) -> Iterator[Redis]:
    with Redis.from_url(jobs_url) as redis:
        yield redis


@pytest.fixture
def env(settings, jobs_url) -> dict[str, str]:
    """The environment of a process that works on this test's services."""
    return {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": jobs_url,
        "SECRET_KEY": settings.secret_key,
        "KEY_PEPPER": settings.key_pepper.hex(),
        "PROVIDER_SECRET": settings.provider_secret.hex(),
        "PUBLIC_URL": "https://gateway.example.com",
        "PATH": os.environ["PATH"],
    }


@pytest.fixture
def until() -> Callable[..., None]:
    """Ask again and again whether a condition holds; fails when it never does."""

    def wait(holds: Callable[[], object], *, timeout_s: float = 20) -> None:
        deadline = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < deadline, "it never came about"
            threading.Event().wait(0.05)

    return wait


class Running:
    """A process of ours, and the JSON lines it logs."""

    def __init__(self, module: str, *arguments: str, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], env=env, cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,))
        self._reader.start()

    def _read(self, stream: io.TextIOBase) -> None:
        for line in stream:
            with self._more:
                self.lines.append(line)
                self._more.notify_all()

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines it logged about `name`."""
        made = [json.loads(line) for line in self.lines if line.startswith("{")]
        return [line for line in made if line["event"] == name]

    def wait_for(self, name: str, *, count: int = 1, timeout_s: float = 20) -> dict[str, Any]:
        """The `count`th line about `name`; fails when it does not come."""
        with self._more:
            came = self._more.wait_for(lambda: len(self.events(name)) >= count, timeout_s)
        assert came, f"no {name} in {self.lines}"
        return self.events(name)[count - 1]

    def ended(self, *, within_s: float = 60) -> int:
        """Wait until it has ended, and all it logged is here. Returns its code."""
        code = self.process.wait(within_s)
        self._reader.join()
        return code

    def stop(self, *, within_s: float = 20) -> int:
        """End it with SIGTERM. Returns its code."""
        self.process.terminate()
        return self.ended(within_s=within_s)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stderr.close()


@pytest.fixture
def start(env) -> Iterator[Callable[..., Running]]:
    """Start `python -m MODULE`; it is gone when the test is over."""
    running: list[Running] = []

    def begin(module: str, *arguments: str, **more: str) -> Running:
        running.append(Running(module, *arguments, env={**env, **more}))
        return running[-1]

    yield begin
    for process in running:
        process.close()


@pytest.fixture
def counters(jobs_url) -> Iterator[Counters]:
    counters = Counters(jobs_url)
    yield counters
    counters.close()


@pytest.fixture
def open_lease(engine, make, counters) -> Callable[..., LeaseDesk]:
    """Makes desks: each for a key of its own with a wallet of USD 10. They share one generation."""
    make.provider()
    offer = make.offer()
    made: list[LeaseDesk] = []

    def opened(*, on: Counters | None = None, credits_usd: str = "10", **fields: Any) -> LeaseDesk:
        key = make.key(make.user(credits_usd=credits_usd), **fields)
        made.append(LeaseDesk(engine, on or counters, key, offer.price_card_id))
        if len(made) == 1:
            made[0].open_generation()
        made[-1].life = made[0].life
        return made[-1]

    return opened


@pytest.fixture
def lease(open_lease) -> LeaseDesk:
    return open_lease()
