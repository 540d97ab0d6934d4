"""The circuit breaker over everything: upstream cost of all wallets, against the operator's thresholds.

Each proxy adds what it spent to one counter a few times a second and learns whether the breaker is open. What
may be spent beyond a threshold is what all proxies spend between two looks, and the calls then in flight.
"""

import asyncio
import time
from uuid import UUID

import structlog

from core.counters import loads
from proxy.store.errors import Away, Broken
from proxy.store.store import Store

LOOK_S = 0.2
FORGOTTEN_S = 5.0  # so long the last answer is believed when nobody answers; then nothing is admitted
_log = structlog.get_logger()


class GlobalBreaker:
    """Off when neither threshold is set."""

    def __init__(self, store: Store, *, minute_n: int, hourly_n: int) -> None:
        self._store = store
        self._limits = {"minute_n": minute_n, "hour_n": hourly_n}
        self._unsent_n = 0
        self._counted: dict[UUID, int] = {}  # of calls that run
        self._open_until = 0.0
        self._heard_at = time.monotonic()

    @property
    def is_on(self) -> bool:
        return any(self._limits.values())

    def count(self, request_id: UUID, upstream_n: int) -> None:
        """A running call has cost this much upstream so far."""
        if self.is_on:
            before_n = self._counted.get(request_id, 0)
            self._counted[request_id] = max(before_n, upstream_n)
            self._unsent_n += max(0, upstream_n - before_n)

    def end(self, request_id: UUID, upstream_n: int) -> None:
        """A call has ended, and cost this much."""
        if self.is_on:
            self._unsent_n += max(0, upstream_n - self._counted.pop(request_id, 0))

    def retry_ms(self) -> int:
        """For how long no call is admitted; 0: the breaker is closed."""
        if not self.is_on:
            return 0
        now = time.monotonic()
        if now - self._heard_at > FORGOTTEN_S:
            return int(FORGOTTEN_S * 1000)
        return max(0, int((self._open_until - now) * 1000))

    async def keep(self) -> None:
        """Run until cancelled."""
        while self.is_on:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Tell what was spent, learn how things stand."""
        sent_n, self._unsent_n = self._unsent_n, 0
        request = loads.count_globally(sent_n, **self._limits)
        try:
            answer = await self._store.run(
                request.script, tag=request.bucket.tag, keys=request.keys, args=request.args
            )
        except (Away, Broken):
            self._unsent_n += sent_n  # it may have been counted: rather twice than not
            return
        match answer:
            case [b"OPEN", bytes() as window, bytes() as wait_ms]:
                self._hear(int(wait_ms), window=window.decode())
            case [b"CLOSED"]:
                self._hear(0)
            case _:  # it was not counted
                self._unsent_n += sent_n

    def _hear(self, wait_ms: int, *, window: str = "") -> None:
        self._heard_at = time.monotonic()
        was_open = self._open_until > self._heard_at
        self._open_until = self._heard_at + wait_ms / 1000
        if wait_ms and not was_open:
            _log.error("global_breaker_open", window=window, retry_ms=wait_ms)
