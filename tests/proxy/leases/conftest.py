"""Relays on a Redis of the test's own, which may be killed and come back, or be cut off from one of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.proxy.conftest import Books, until
from tests.proxy.store.servers import OwnServer, Wire, own_server
from worker.closings import Closer


@pytest.fixture
def server():
    with own_server() as server:
        yield server


@pytest.fixture
def redis_url(server: OwnServer) -> str:
    return server.url


@pytest.fixture
async def wire(server: OwnServer):
    """A way to Redis that can be cut."""
    wire = Wire(server.port)
    await wire.open()
    wire.url = server.url.replace(f":{server.port}/", f":{wire.port}/")
    yield wire
    await wire.close()


@dataclass
class Outage:
    """Redis away and back, and the books that say what generation it is."""

    server: OwnServer
    engine: Engine
    books: Books

    async def begin(self, *relays: Any) -> None:
        """Kill Redis, and wait until the relays admit in PostgreSQL."""
        self.server.kill()
        await self.vacated()
        await self.noticed(*relays)

    async def vacated(self) -> None:
        """Wait until it is said that nobody has Redis; who could object has had his time."""
        await until(lambda: self.generations()[-1:] == [""])
        self.run("UPDATE generations SET started_at = started_at - interval '3 s' WHERE fingerprint = ''")

    async def noticed(self, *relays: Any) -> None:
        await until(lambda: all(relay.deps.leases.is_degraded for relay in relays))

    async def end(self, *relays: Any) -> None:
        """Bring Redis back, and wait until the relays admit there."""
        self.server.start()
        await until(lambda: all(relay.deps.leases.generations.current for relay in relays))

    async def settled(self) -> None:
        """Wait until nothing of an earlier generation is outstanding, with a ledger process at work."""
        closer = Closer(self.engine, longest_call_s=900)

        def is_settled() -> bool:
            closer.close()
            return not self.rows("SELECT FROM pools WHERE state = 'old'")

        await until(is_settled)

    def generations(self) -> list[str]:
        """The fingerprints of all there were."""
        return [row.fingerprint for row in self.rows("SELECT fingerprint FROM generations ORDER BY gen")]

    def rows(self, statement: str) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(text(statement)).all()

    def run(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))


@pytest.fixture
def outage(server: OwnServer, engine: Engine, books: Books) -> Iterator[Outage]:
    """Name it behind the relays: it ends before they do, who settle in Redis."""
    yield Outage(server, engine, books)
    if server.process.poll() is not None:
        server.start()
