"""Redis away and back, and the books that say what generation it is."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tests.proxy.conftest import Books, until
from tests.proxy.store.servers import OwnServer
from worker.leases import LeaseKeeper


@dataclass
class Outage:
    """Of a Redis of the test's own, on which relays stand."""

    server: OwnServer
    books: Books

    async def begin(self, *relays: Any) -> None:
        """Kill Redis, and wait until the relays admit in PostgreSQL."""
        self.server.kill()
        await self.vacated()
        await until(lambda: all(relay.deps.leases.is_degraded for relay in relays))

    async def vacated(self) -> None:
        """Wait until it is said that nobody has Redis; then who could object has had his time."""
        await until(lambda: self.generations()[-1:] == [""])
        self.run("UPDATE generations SET started_at = started_at - interval '3 s' WHERE fingerprint = ''")

    async def end(self, *relays: Any) -> None:
        """Bring Redis back after a while, and wait until the relays admit there."""
        self.run("UPDATE generations SET started_at = started_at - interval '10 s' WHERE fingerprint = ''")
        self.server.start()
        await until(lambda: all(relay.deps.leases.generations.current for relay in relays))

    async def settled(self) -> None:
        """Wait until nothing of an earlier generation is outstanding: relays book it, a ledger process closes."""
        keeper = LeaseKeeper(self.books.engine, self.books.counters, longest_call_s=900)

        def is_settled() -> bool:
            with suppress(OperationalError):  # a relay has the wallet, and needs the loop we hold up
                keeper.close_old()
            return not self.rows(
                "SELECT FROM pools WHERE state <> 'closed' AND gen < (SELECT max(gen) FROM generations)"
            )

        await until(is_settled)

    def generations(self) -> list[str]:
        """The fingerprints of all there were."""
        return [row.fingerprint for row in self.rows("SELECT fingerprint FROM generations ORDER BY gen")]

    def rows(self, statement: str) -> Any:
        with self.books.engine.connect() as connection:
            return connection.execute(text(statement)).all()

    def run(self, statement: str) -> None:
        with self.books.engine.begin() as connection:
            connection.execute(text(statement))
