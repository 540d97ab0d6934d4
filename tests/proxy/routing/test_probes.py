"""Who probes an offer, by a key in a real Valkey."""

import asyncio

import pytest

from core.counters.keys import OFFER_PROBE
from proxy.routing.probes import CLAIM_MS, Probes
from proxy.store.store import Store
from tests.proxy.routing.offers import offer

NAME = offer("acme").name
KEY = OFFER_PROBE + NAME.encode()


@pytest.fixture
async def start(redis, redis_url):
    """Starts what a process has of it."""
    stores = []

    async def start():
        store = Store(redis_url)
        await store.open()
        stores.append(store)
        return Probes(store)

    yield start
    for store in stores:
        await store.close()


async def test_of_many_processes_one_has_the_probe(start):
    processes = [await start() for _ in range(8)]

    answers = await asyncio.gather(*(process.claim(NAME) for process in processes))

    assert sorted(answers) == [False] * 7 + [True]


async def test_each_offer_has_a_probe_of_its_own(start):
    one, other = await start(), await start()

    assert (await one.claim(NAME), await other.claim("another")) == (True, True)


async def test_a_process_that_dies_keeps_nobody_from_probing(start, redis):
    one, other = await start(), await start()
    await one.claim(NAME)

    assert 0 < redis.pttl(KEY) <= CLAIM_MS
    redis.pexpire(KEY, 0)  # its time is over

    assert await other.claim(NAME)


async def test_a_probe_that_goes_on_is_kept(start, redis):
    one, other = await start(), await start()
    await one.claim(NAME)
    redis.pexpire(KEY, 100)

    await one.renew([NAME])

    assert redis.pttl(KEY) > 100
    assert not await other.claim(NAME)


async def test_without_redis_each_process_probes_for_itself():
    away = Store("redis://127.0.0.1:1")  # never opened

    assert await Probes(away).claim(NAME)
