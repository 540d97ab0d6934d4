"""The charging part of proxies, without the proxies: real Valkey, real PostgreSQL, and wires to spoil."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pytest
from msgspec import Raw
from redis import Redis

from core.charging.calls import Admitted, Call
from core.config import Settings
from core.counters import requests
from core.counters.client import Counters
from core.counters.keys import BucketKeys, bucket_keys, wallet_keys
from core.counters.requests import Settlement
from core.db import async_engine
from proxy.leases.build import Leases, build_leases
from tests.core.charging.conftest import Desk, ending, open_desk  # noqa: F401  # a fixture
from tests.proxy.conftest import text_of, until
from tests.proxy.store.servers import OwnServer, Wire, own_server
from worker.drain import Drain
from worker.leases import LeaseKeeper
from worker.streams import RedisStreams


def line(**fields: Any) -> Settlement:
    """A settlement as good as any."""
    known: dict[str, Any] = {
        "request_id": uuid4(),
        "wallet_id": uuid4(),
        "bucket": 7,
        "gen": "1:0",
        "hold_n": 100,
        "charge_n": 60,
        "upstream_n": 50,
        "tokens": 30,
        "points": 0,
        "requests": 1,
        "base": Raw(b'{"model_id":"acme/tiny"}'),
        "final": Raw(b'{"status":200}'),
    }
    return Settlement(**{**known, **fields})


@dataclass
class Counter:
    """A wallet of 1,000 nano-dollars and its calls, and what Redis and PostgreSQL say of them."""

    desk: Desk
    redis: Redis
    counters: Counters

    def call(self, full_n: int = 100, **fields: Any) -> Any:
        return self.desk.call(full_n, **fields)

    @property
    def keys(self) -> Any:
        return wallet_keys(self.desk.caller().bucket, self.desk.wallet_id)

    def pool(self) -> dict[str, int]:
        """Free, held, spent and granted, and the last lease's number."""
        found = text_of(self.redis.hgetall(self.keys.pool))
        return {name: int(found.get(name, 0)) for name in ("free", "held", "spent", "granted", "seq")}

    def hold(self, call: Any) -> dict[str, str]:
        return text_of(self.redis.hgetall(self.keys.bucket.hold(call.request_id)))

    def tombstone(self, call: Any) -> bytes | None:
        return self.redis.hget(self.keys.bucket.tombstones, call.request_id.hex)

    def events(self) -> list[dict[str, str]]:
        return [text_of(fields) for _, fields in self.redis.xrange(self.keys.bucket.stream)]

    def book(self) -> None:
        drain = Drain(self.desk.engine, RedisStreams(self.counters))
        while drain.round():
            pass

    def ledger(self) -> LeaseKeeper:
        return LeaseKeeper(self.desk.engine, self.counters, longest_call_s=900)

    def usage(self) -> list[tuple[int, int, str]]:
        """Rank, charge and reason of every call that was booked; ids of one millisecond have no order."""
        rows = self.desk.rows("SELECT rank, charge_n, reason FROM usage_events ORDER BY charge_n, rank")
        return [tuple(row) for row in rows]


def counter_at(desk: Desk, url: str) -> Iterator[Counter]:
    counters = Counters(url)
    with Redis.from_url(url) as redis:
        yield Counter(desk, redis, counters)
    counters.close()


@pytest.fixture
def counter(open_desk: Any, redis: Redis, redis_url: str) -> Iterator[Counter]:  # noqa: F811
    """Redis is emptied first."""
    yield from counter_at(open_desk(1000), redis_url)


@dataclass
class Starter:
    """Starts the charging of proxies; each is closed at the end as a process that stops would."""

    settings: Settings
    tasks: list[tuple[Leases, list[asyncio.Task[None]]]] = field(default_factory=list)

    async def __call__(self, *, keep: bool = False, **changes: Any) -> Leases:
        """`keep`: with what runs in the background of a proxy."""
        made = replace(self.settings, **changes)
        leases = build_leases(made, async_engine(made.database_url, pool_size=5))
        await leases.open()
        tasks = [asyncio.create_task(work()) for work in leases.background] if keep else []
        self.tasks.append((leases, tasks))
        return leases

    async def stop(self, *which: Leases) -> None:
        for leases, tasks in [entry for entry in self.tasks if entry[0] in which]:
            self.tasks.remove((leases, tasks))
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await leases.close()
            await leases.engine.dispose()


@pytest.fixture
async def start(settings: Settings) -> AsyncIterator[Starter]:
    starter = Starter(settings)
    yield starter
    await starter.stop(*(leases for leases, _ in starter.tasks))


@pytest.fixture
async def leases(start: Starter, counter: Counter) -> Leases:
    return await start()


@pytest.fixture
def server() -> Iterator[OwnServer]:
    with own_server() as server:
        yield server


class Line(Wire):
    """A wire whose connections can be cut."""

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


@pytest.fixture
async def wire(server: OwnServer) -> AsyncIterator[Line]:
    """To a server of the test's own."""
    wire = Line(server.port)
    await wire.open()
    yield wire
    await wire.close()


def behind(wire: Wire, server: OwnServer) -> str:
    """Where a store finds the server through the wire."""
    return server.url.replace(f":{server.port}/", f":{wire.port}/")


@pytest.fixture
def far(open_desk: Any, server: OwnServer) -> Iterator[Counter]:  # noqa: F811
    """A counter whose Redis is the test's own server."""
    yield from counter_at(open_desk(1000), server.url)


def marks(redis: Redis) -> set[bytes | None]:
    """The generations the buckets know."""
    keys: list[BucketKeys] = [bucket_keys(bucket) for bucket in range(256)]
    return set(redis.mget([key.generation for key in keys]))


@pytest.fixture
def admitted(counter: Counter, leases: Leases) -> Callable[..., Awaitable[tuple[Call, Settlement]]]:
    """Admits a call. Gives it and its settlement."""

    async def admit(charge_n: int = 60, **fields: Any) -> tuple[Call, Settlement]:
        call = counter.call(100, **fields)
        verdict = await leases.gate.admit(call)
        assert isinstance(verdict, Admitted)
        # A lease locks the wallet, and booking holds up the loop it is under way in.
        await until(lambda: not leases.lender._asking)
        return call, requests.ended(call, ending(charge_n), gen=verdict.gen, hold_n=verdict.hold_n)

    return admit
