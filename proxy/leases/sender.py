"""Sending settlements to Redis until it has them, however often that takes."""

import asyncio
import time
from collections.abc import Iterable

import structlog

from core.counters import requests
from core.counters.requests import Request, Settlement
from proxy.store.connection import Reply
from proxy.store.errors import Away, Broken
from proxy.store.server import Lane
from proxy.store.store import Store

RETRY_FIRST_S, RETRY_LAST_S = 0.05, 2.0
_log = structlog.get_logger()


class Sender:
    """Knows which settlements are on their way, and when those that arrived did.

    By the number of the request id: to hash that costs a tenth of what an id costs.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.underway: dict[int, asyncio.Future[int]] = {}
        self.arrived: dict[int, float] = {}
        self._insisting: set[asyncio.Task[None]] = set()

    def send(self, settlement: Settlement, *, lane: Lane, lazy: bool = False) -> asyncio.Future[int]:
        """Settle in Redis, for as long as it takes; gives what the call was charged."""
        number = settlement.request_id.int
        sent = self.underway.get(number)
        if sent is None:
            sent = self.underway[number] = asyncio.get_running_loop().create_future()
            self._try(settlement, requests.settlement(settlement), lane, lazy=lazy)
        return sent

    def settled(self, number: int, charge_n: int) -> None:
        """A call was settled at this charge, here or elsewhere."""
        sent = self.underway.pop(number, None)
        if sent is not None and not sent.done():  # else whoever waited for it was cancelled
            sent.set_result(charge_n)

    def forget(self, numbers: Iterable[int]) -> None:
        """These are booked: nobody will ask when they arrived."""
        for number in numbers:
            self.arrived.pop(number, None)

    def close(self) -> None:
        for task in self._insisting:
            task.cancel()

    def _try(self, settlement: Settlement, request: Request, lane: Lane, *, lazy: bool) -> None:
        """Ask once, and look at the answer when it is there: a task for each would cost as much again."""
        try:
            reply = self._store.send(
                request.script,
                tag=request.bucket.tag,
                keys=request.keys,
                args=request.args,
                lane=lane,
                lazy=lazy,
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
            self._arrived(settlement, charge_n)

    def _arrived(self, settlement: Settlement, charge_n: int) -> None:
        self.arrived[settlement.request_id.int] = time.monotonic()
        self.settled(settlement.request_id.int, charge_n)

    def _insist(self, settlement: Settlement, request: Request) -> None:
        task = asyncio.get_running_loop().create_task(self._repeat(settlement, request))
        self._insisting.add(task)
        task.add_done_callback(self._insisting.discard)

    async def _repeat(self, settlement: Settlement, request: Request) -> None:
        """Ask until it is settled, here or elsewhere."""
        wait_s, name = RETRY_FIRST_S, str(settlement.request_id)
        while settlement.request_id.int in self.underway:
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
                    self._arrived(settlement, charge_n)
                    return
                if answer != [b"REGEN"]:
                    _log.error("settlement_refused", request_id=name, error=str(answer))
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, RETRY_LAST_S)


def _charged(answer: object) -> int | None:
    """What settle.lua says the call was charged; None when it did not settle it."""
    if isinstance(answer, list) and len(answer) > 1 and isinstance(answer[1], bytes):
        return int(answer[1])
    return None
