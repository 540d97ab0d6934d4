"""A Valkey of these tests' own: they empty it, and fill it up."""

from collections.abc import Iterator

import pytest
from redis import Redis

from dev.valkey import Valkey, temporary_valkey
from tests.core.counters.desk import Desk
from tests.core.counters.wire import Wire
from tests.worker.conftest import counters, jobs_redis, jobs_url, lease, open_lease

__all__ = ["counters", "jobs_redis", "jobs_url", "lease", "open_lease"]  # wallets leased to that Redis


@pytest.fixture(scope="session")
def own_valkey() -> Iterator[Valkey]:
    with temporary_valkey() as server:
        yield server


@pytest.fixture
def redis(own_valkey: Valkey) -> Iterator[Redis]:
    """An empty server."""
    with Redis.from_url(own_valkey.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def wire(own_valkey: Valkey) -> Iterator[Wire]:
    wire = Wire(host="127.0.0.1", port=own_valkey.port, password=own_valkey.password)
    yield wire
    wire.close()


@pytest.fixture
def desk(redis: Redis) -> Desk:
    return Desk(redis)
