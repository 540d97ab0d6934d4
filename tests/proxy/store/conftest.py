"""Everything here runs on both loops: uvloop, as the product does, and asyncio's own."""

import asyncio
import os

import pytest
import uvloop

from core.counters.script import Script
from proxy.store.store import Store
from tests.proxy.store.servers import Wire, own_server

DEADLINE_S = 40
ECHO = Script.of("echo", "return ARGV[1]")


def pytest_asyncio_loop_factories(config, item):
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture(autouse=True)
async def deadline():
    """Ends a test that waits for ever: while uvloop sleeps, the signal of pytest's own time-out wakes nobody."""
    loop = asyncio.get_running_loop()

    def end():
        for task in asyncio.all_tasks(loop):
            task.cancel("the test took too long")

    timer = loop.call_later(DEADLINE_S, end)
    yield
    timer.cancel()


@pytest.fixture
async def open_store():
    """Opens stores; trusts what it finds unless told not to."""
    stores = []

    async def make(url, *, trusting=True, timeout_s=5.0, **options):
        store = Store(url, timeout_s=timeout_s, **options)
        stores.append(store)
        await store.open()
        if trusting:
            store.allowed = store.fingerprint
        return store

    yield make
    for store in stores:
        await store.close()


@pytest.fixture
async def store(open_store, redis_url):
    return await open_store(redis_url)


@pytest.fixture
def server():
    with own_server() as server:
        yield server


@pytest.fixture
async def lay_wire():
    wires = []

    async def lay(to, *, ssl=None):
        wire = Wire(to)
        wires.append(wire)
        await wire.open(ssl=ssl)
        return wire

    yield lay
    for wire in wires:
        await wire.close()


@pytest.fixture
async def wire(lay_wire, server):
    return await lay_wire(server.port)


@pytest.fixture
def seed():
    """For what is left to chance; pytest shows it when the test fails."""
    seed = int.from_bytes(os.urandom(4))
    print("seed", seed)  # noqa: T201
    return seed
