"""Getting settlements from the spool into Redis, and out of the spool once PostgreSQL has booked them."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.charging import generations
from core.charging.calls import FINAL
from core.counters import requests
from core.counters.requests import Request, Settlement
from core.ids import day_of
from proxy.leases.spool import Left, Spool, left_behind
from proxy.store.connection import Reply
from proxy.store.errors import Away, Broken
from proxy.store.store import Store

RETRY_FIRST_S, RETRY_LAST_S = 0.05, 2.0
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
        self._store = store
        self.spool = spool
        self._root = root
        # By the number of the request id: to hash that costs a tenth of what an id costs.
        self._sending: dict[int, asyncio.Future[int]] = {}
        self._sent_at: dict[int, float] = {}
        self._insisting: set[asyncio.Task[None]] = set()
        self._left: list[Left] = []

    def write_down(self, settlement: Settlement) -> bool:
        """Spool a settlement. Says whether the disk took it; if not, only Redis will know of it."""
        try:
            self.spool.append(settlement)
        except OSError as error:
            _log.error("spool_not_written", request_id=str(settlement.request_id), error=type(error).__name__)
            return False
        return True

    def send(self, settlement: Settlement) -> asyncio.Future[int]:
        """Settle in Redis, for as long as it takes; gives what the call was charged."""
        number = settlement.request_id.int
        sent = self._sending.get(number)
        if sent is None:
            sent = self._sending[number] = asyncio.get_running_loop().create_future()
            self._try(settlement, requests.settlement(settlement))
        return sent

    def _try(self, settlement: Settlement, request: Request) -> None:
        """Ask once, and look at the answer when it is there: a task for each would cost as much again."""
        try:
            reply = self._store.send(
                request.script, tag=request.bucket.tag, keys=request.keys, args=request.args
            )
        except Away:
            self._insist(settlement, request)
        else:
            reply.add_done_callback(lambda reply: self._answered(settlement, request, reply))

    def _answered(self, settlement: Settlement, request: Request, reply: "asyncio.Future[Reply]") -> None:
        charge_n = None if reply.cancelled() or reply.exception() else _charged(reply.result())
        if charge_n is None:
            self._insist(settlement, request)
        else:
            self._sent(settlement, charge_n)

    def _sent(self, settlement: Settlement, charge_n: int) -> None:
        self._sent_at[settlement.request_id.int] = time.monotonic()
        sent = self._sending.pop(settlement.request_id.int)
        if not sent.done():  # else whoever waited for it was cancelled
            sent.set_result(charge_n)

    def _insist(self, settlement: Settlement, request: Request) -> None:
        task = asyncio.get_running_loop().create_task(self._repeat(settlement, request))
        self._insisting.add(task)
        task.add_done_callback(self._insisting.discard)

    async def _repeat(self, settlement: Settlement, request: Request) -> None:
        """Ask until it is settled."""
        wait_s, name = RETRY_FIRST_S, str(settlement.request_id)
        while True:
            try:
                answer = await self._store.run(
                    request.script, tag=request.bucket.tag, keys=request.keys, args=request.args
                )
            except Broken as error:
                _log.error("settlement_refused", request_id=name, error=error.code)
            except Away:
                pass
            else:
                if (charge_n := _charged(answer)) is not None:
                    self._sent(settlement, charge_n)
                    return
                if answer != [b"REGEN"]:
                    _log.error("settlement_refused", request_id=name, error=str(answer))
            await asyncio.sleep(wait_s)
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
            for settlement in left.settlements:
                self.send(settlement)

    async def look(self) -> None:
        """Drop what PostgreSQL has booked; send again what it should have by now."""
        self.spool.seal()
        await self.spool.mend()
        try:
            await self._drop_booked()
        except (SQLAlchemyError, OSError) as error:
            _log.warning("spool_not_checked", error=type(error).__name__)
            return
        waiting, due = self._waiting(), time.monotonic() - AGAIN_S
        if len(self._sent_at) > len(waiting):  # some were never spooled
            numbers = {end.request_id.int for end in waiting}
            self._sent_at = {number: at for number, at in self._sent_at.items() if number in numbers}
        for end in waiting:
            if self._sent_at.get(end.request_id.int, due) <= due:
                self.send(end)

    def _waiting(self) -> list[Settlement]:
        """What Redis has, as far as we know, and PostgreSQL not yet; the oldest first."""
        return [end for end in self._unbooked() if end.request_id.int not in self._sending]

    async def _drop_booked(self) -> None:
        """Ask for a batch, and for the next one only when most of it was booked: they are booked in order."""
        waiting = self._waiting()
        for start in range(0, max(1, len(waiting)), BATCH):
            batch = waiting[start : start + BATCH]
            missing = await self._missing(batch) if batch else set()
            booked = {end.request_id.int for end in batch} - missing
            self.spool.forget(booked)
            for number in booked:
                self._sent_at.pop(number, None)
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
        for task in self._insisting:
            task.cancel()
        for left in self._left:
            left.release()
        self.spool.close()


def _charged(answer: object) -> int | None:
    """What settle.lua says the call was charged; None when it did not settle it."""
    if isinstance(answer, list) and len(answer) > 1 and isinstance(answer[1], bytes):
        return int(answer[1])
    return None
