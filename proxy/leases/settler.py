"""Getting settlements from the spool into Redis, and out of the spool once PostgreSQL has booked them."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.charging import generations
from core.charging.booking import book
from core.charging.calls import FINAL
from core.counters.events import lost_entry
from core.counters.requests import Settlement
from core.ids import day_of
from proxy.leases.sender import Sender
from proxy.leases.spool import Left, Spool, left_behind
from proxy.store.store import Store

LOOK_S = 1.0  # between looks at what is booked
AGAIN_S = 30.0  # what is not booked by then is sent again
MOMENT_S = 1.0  # so long a proxy that ends waits for PostgreSQL; what is not booked the next one sees to
BATCH = 2000
# Those that are missing: mostly none, and each row costs. The ids as one text, for the same reason.
MISSING = text(
    "SELECT id FROM unnest(CAST(:ids AS uuid[])) AS id WHERE NOT EXISTS (SELECT FROM usage_events "
    "WHERE request_id = id AND day = ANY(:days) AND rank = :final)"
)
_log = structlog.get_logger()


class Settler:
    """Sends every settlement until Redis has it; forgets none before it is booked."""

    def __init__(self, engine: AsyncEngine, store: Store, spool: Spool, root: Path) -> None:
        self._engine = engine
        self.sender = Sender(store)
        self.spool = spool
        self._root = root
        self._left: list[Left] = []
        self._dead: list[UUID] = []  # boots PostgreSQL may still take for alive
        self.is_redis_gone: Callable[[], bool] = lambda: False  # and nothing can be admitted there any more

    def write_down(self, settlement: Settlement) -> bool:
        """Spool a settlement. Says whether the disk took it; if not, only Redis will know of it."""
        try:
            self.spool.append(settlement)
        except OSError as error:
            _log.error("spool_not_written", request_id=str(settlement.request_id), error=type(error).__name__)
            return False
        return True

    def send(self, settlement: Settlement, *, lazy: bool = False) -> asyncio.Future[int]:
        """Settle a call that has just ended in Redis, for as long as it takes; gives what it was charged.

        `lazy`: nobody waits for it, so that it may leave with the next admission, before that.
        """
        return self.sender.send(settlement, lane="calls", lazy=lazy)

    def doubt(self) -> None:
        """Redis lost what it held: send everything again that is not booked, at the next look."""
        self.sender.arrived.clear()

    def oldest_gen(self) -> int | None:
        """The oldest generation something in the spool belongs to."""
        names = {end.gen for end in self._unbooked()}
        return min(map(generations.number_of, names), default=None)

    def _unbooked(self) -> list[Settlement]:
        mine = list(self.spool.pending())
        return mine + [end for left in self._left for end in left.settlements]

    async def keep(self) -> None:
        """Run until cancelled: replay what dead boots left behind, drop what is booked."""
        while True:
            self._adopt()
            await asyncio.sleep(LOOK_S)
            await self.look()

    def _adopt(self) -> None:
        """Not at the start alone: a process that dies is not always followed by another."""
        for left in left_behind(self._root):
            _log.warning("spool_replayed", boot_id=str(left.boot_id), settlements=len(left.settlements))
            self._left.append(left)
            self._dead.append(left.boot_id)
            for settlement in left.settlements:
                self.sender.send(settlement, lane="bulk")

    async def look(self) -> None:
        """Drop what PostgreSQL has booked; send again what it should have by now."""
        self.spool.seal()
        await self.spool.mend()
        try:
            await self._tell_of_the_dead()
            if self.is_redis_gone():
                await self._book_without_redis()
            await self._drop_booked()
        except (SQLAlchemyError, OSError) as error:
            _log.warning("spool_not_checked", error=type(error).__name__)
            return
        waiting, due = self._waiting(), time.monotonic() - AGAIN_S
        arrived = self.sender.arrived
        if len(arrived) > len(waiting):  # some were never spooled
            self.sender.forget(arrived.keys() - {end.request_id.int for end in waiting})
        for end in waiting:
            if arrived.get(end.request_id.int, due) <= due:
                self.sender.send(end, lane="bulk")

    async def _tell_of_the_dead(self) -> None:
        dead, self._dead = self._dead, []
        if dead:
            async with self._engine.begin() as connection:
                await connection.run_sync(lambda sync: generations.died(sync, dead))

    async def _book_without_redis(self) -> None:
        """Book what waits to be sent. Should Redis have got some of it before, it is in the books by then."""
        ends = self._unbooked()[:BATCH]
        if not ends:
            return
        entries = [lost_entry(end, now=datetime.now(UTC)) for end in ends]
        async with self._engine.begin() as connection:
            charges = await connection.run_sync(lambda sync: book(sync, entries))
        for request_id, charge_n in charges.items():
            self.sender.settled(request_id.int, charge_n)
        booked = {request_id.int for request_id in charges}
        self.spool.forget(booked)
        await self._finish(booked)

    def _waiting(self) -> list[Settlement]:
        """What Redis has, as far as we know, and PostgreSQL not yet; the oldest first."""
        return [end for end in self._unbooked() if end.request_id.int not in self.sender.underway]

    async def _drop_booked(self) -> None:
        """Ask for a batch, and for the next one only when most of it was booked: they are booked in order."""
        waiting = self._waiting()
        for start in range(0, max(1, len(waiting)), BATCH):
            batch = waiting[start : start + BATCH]
            missing = await self._missing(batch) if batch else set()
            booked = {end.request_id.int for end in batch} - missing
            self.spool.forget(booked)
            self.sender.forget(booked)
            await self._finish(booked)  # also of a boot that left nothing
            if len(missing) > len(booked):
                return

    async def _missing(self, ends: Sequence[Settlement]) -> set[int]:
        days = sorted({day_of(end.request_id) for end in ends})
        written = "{" + ",".join([end.request_id.hex for end in ends]) + "}"
        async with self._engine.connect() as connection:
            found = await connection.execute(MISSING, {"ids": written, "days": days, "final": FINAL})
            return {request_id.int for request_id in found.scalars()}

    async def _finish(self, booked: set[int]) -> None:
        """Boots whose spools are empty now are over: nothing will be settled in their name any more."""
        done = []
        for left in list(self._left):
            left.settlements[:] = [end for end in left.settlements if end.request_id.int not in booked]
            if not left.settlements:
                done.append(left)
        if not done:
            return
        async with self._engine.begin() as connection:
            await connection.run_sync(lambda sync: generations.ended(sync, [left.boot_id for left in done]))
        for left in done:
            self._left.remove(left)
            left.drop()

    async def drained(self, *, within_s: float) -> bool:
        """Wait until Redis has everything, and a moment for PostgreSQL too. Says whether that has it all."""
        try:
            async with asyncio.timeout(within_s):
                while self.sender.underway:
                    await asyncio.wait(self.sender.underway.values())
                async with asyncio.timeout(MOMENT_S):
                    while list(self.spool.pending()):
                        await self.look()
                        if list(self.spool.pending()):
                            await asyncio.sleep(LOOK_S / 10)
        except TimeoutError:
            _log.warning("spool_not_empty", settlements=len(list(self.spool.pending())))
        return not list(self.spool.pending())

    async def close(self) -> None:
        self.sender.close()
        for left in self._left:
            left.release()
        self.spool.close()
