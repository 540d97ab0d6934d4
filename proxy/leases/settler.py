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
from core.counters import requests
from core.counters.events import lost_entry
from core.counters.requests import Settlement
from core.ids import day_of
from proxy.leases.spool import Left, Spool, left_behind
from proxy.store.errors import Away, Broken
from proxy.store.store import Store

RETRY_FIRST_S, RETRY_LAST_S = 0.05, 2.0
LOOK_S = 1.0  # between looks at what is booked
AGAIN_S = 30.0  # what is not booked by then is sent again
MOMENT_S = 1.0  # so long a proxy that ends waits for PostgreSQL; what is not booked the next one sees to
BATCH = 5000
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
        self._store = store
        self.spool = spool
        self._root = root
        self._sending: dict[UUID, asyncio.Task[int]] = {}
        self._sent_at: dict[UUID, float] = {}
        self._left: list[Left] = []
        self._dead: list[UUID] = []  # boots PostgreSQL may still take for alive
        self.is_redis_gone: Callable[[], bool] = lambda: False  # and nothing can be admitted there any more
        self._without_redis: dict[UUID, int] = {}  # what was booked meanwhile is charged

    def write_down(self, settlement: Settlement) -> bool:
        """Spool a settlement. Says whether the disk took it; if not, only Redis will know of it."""
        try:
            self.spool.append(settlement)
        except OSError as error:
            _log.error("spool_not_written", request_id=str(settlement.request_id), error=type(error).__name__)
            return False
        return True

    def send(self, settlement: Settlement) -> asyncio.Task[int]:
        """Settle in Redis, in a task of its own, for as long as it takes; gives what the call was charged."""
        task = self._sending.get(settlement.request_id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._send(settlement))
            self._sending[settlement.request_id] = task
            task.add_done_callback(lambda _: self._sent(settlement.request_id))
        return task

    def _sent(self, request_id: UUID) -> None:
        self._sending.pop(request_id, None)
        self._without_redis.pop(request_id, None)

    async def _send(self, settlement: Settlement) -> int:
        request, wait_s = requests.settlement(settlement), RETRY_FIRST_S
        while True:
            try:
                answer = await self._store.run(
                    request.script, tag=request.bucket.tag, keys=request.keys, args=request.args
                )
            except Broken as error:
                _log.error("settlement_refused", request_id=str(settlement.request_id), error=error.code)
            except Away:
                pass
            else:
                if isinstance(answer, list) and len(answer) > 1:
                    self._sent_at[settlement.request_id] = time.monotonic()
                    return int(answer[1])  # type: ignore[arg-type]  # a decimal string, by the script
                if answer != [b"REGEN"]:
                    _log.error("settlement_refused", request_id=str(settlement.request_id), error=str(answer))
            await asyncio.sleep(wait_s)
            if settlement.request_id in self._without_redis:
                return self._without_redis[settlement.request_id]
            wait_s = min(wait_s * 2, RETRY_LAST_S)

    def doubt(self) -> None:
        """Redis lost what it held: send everything again that is not booked, at the next look."""
        self._sent_at.clear()

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
                self.send(settlement)

    async def look(self) -> None:
        """Drop what PostgreSQL has booked; send again what it should have by now."""
        self.spool.seal()
        await self.spool.mend()
        try:
            await self._tell_of_the_dead()
            if self.is_redis_gone():
                await self._book_without_redis()
            unbooked = [end for end in self._unbooked() if end.request_id not in self._sending]
            booked = await self._booked(unbooked[:BATCH])
            self.spool.forget(booked)
            await self._finish(booked)
        except (SQLAlchemyError, OSError) as error:
            _log.warning("spool_not_checked", error=type(error).__name__)
            return
        left = {end.request_id for end in self._unbooked()}
        self._sent_at = {name: at for name, at in self._sent_at.items() if name in left}
        due = time.monotonic() - AGAIN_S
        for end in unbooked[:BATCH]:
            if end.request_id not in booked and self._sent_at.get(end.request_id, due) <= due:
                self.send(end)

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
        self._without_redis |= {one: charge_n for one, charge_n in charges.items() if one in self._sending}
        self.spool.forget(set(charges))
        await self._finish(set(charges))

    async def _booked(self, ends: Sequence[Settlement]) -> set[UUID]:
        if not ends:
            return set()
        ids = {end.request_id for end in ends}
        days = sorted({day_of(request_id) for request_id in ids})
        written = "{" + ",".join([request_id.hex for request_id in ids]) + "}"
        async with self._engine.connect() as connection:
            found = await connection.execute(MISSING, {"ids": written, "days": days, "final": FINAL})
            return ids - set(found.scalars())

    async def _finish(self, booked: set[UUID]) -> None:
        """Boots whose spools are empty now are over: nothing will be settled in their name any more."""
        done = []
        for left in list(self._left):
            left.settlements[:] = [end for end in left.settlements if end.request_id not in booked]
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
                while self._sending:
                    await asyncio.wait(self._sending.values())
                async with asyncio.timeout(MOMENT_S):
                    while list(self.spool.pending()):
                        await self.look()
                        await asyncio.sleep(LOOK_S / 10)
        except TimeoutError:
            _log.warning("spool_not_empty", settlements=len(list(self.spool.pending())))
        return not list(self.spool.pending())

    async def close(self) -> None:
        for task in list(self._sending.values()):
            task.cancel()
        for left in self._left:
            left.release()
        self.spool.close()
