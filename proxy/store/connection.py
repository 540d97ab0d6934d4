"""One connection: commands go out in order, and the answers come back in that order."""

import asyncio
from collections import deque
from typing import TypeAlias, cast

import structlog
from hiredis import ProtocolError, Reader, ReplyError

from proxy.store.errors import Away

Reply: TypeAlias = "bytes | int | list[Reply] | ReplyError | None"
MAX_WAITING = 10_000
GRACE_S = 0.001
LINGER_S = 0.002  # how long a lazy command waits for company
SILENCE = 8  # so many timeouts without a byte, while commands wait: the connection is dead
NOTHING = object()
_log = structlog.get_logger()


class Connection(asyncio.Protocol):
    """Pairs answers with commands by their order alone.

    So a command that was sent keeps its place until its answer has come, whether somebody still waits for it
    or not: the answer to a caller who was cancelled or gave up is read and dropped, never given to the next.
    """

    def __init__(self, *, timeout_s: float) -> None:
        self.lost = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._timeout_s = timeout_s
        self._transport: asyncio.Transport | None = None
        self._reader = Reader(notEnoughData=NOTHING)
        self._unsent: list[bytes] = []
        self._is_leaving = False  # what is unsent, in this tick or the next
        self._lingering: asyncio.TimerHandle | None = None
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._due: deque[tuple[float, asyncio.Future[Reply]]] = deque()
        self._heard_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def send(self, command: bytes, *, lazy: bool = False) -> asyncio.Future[Reply]:
        """Send a command that has exactly one answer. All that is sent in one tick leaves in one write.

        A lazy one leaves with the next that is not, in order, or alone after a moment: so it costs neither
        side a wake-up of its own.

        The future may be cancelled at any time. It raises Away when the connection is lost or time runs out;
        so does this method, when it did not send.
        """
        if self._transport is None:
            raise Away("not connected")
        if len(self._waiting) >= MAX_WAITING:
            raise Away("too many commands wait for an answer")
        future: asyncio.Future[Reply] = self._loop.create_future()
        now = self._loop.time()
        if not self._waiting:
            self._heard_at = now
        self._waiting.append(future)
        self._due.append((now + self._timeout_s, future))
        self._unsent.append(command)
        if lazy:
            if self._lingering is None and not self._is_leaving:
                self._lingering = self._loop.call_later(LINGER_S, self._write)
        elif not self._is_leaving:
            self._is_leaving = True
            self._loop.call_soon(self._write)
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout_s, self._ring)
        return future

    def close(self) -> None:
        """Drop the connection. Who waits hears it in the next tick of the loop."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.lost.set()
        for timer in (self._timer, self._lingering):
            if timer is not None:
                timer.cancel()
        reason = f"the connection was lost ({type(exc).__name__ if exc else 'closed'})"
        for future in self._waiting:
            if not future.done():
                future.set_exception(Away(reason))
        self._waiting.clear()
        self._due.clear()

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        reader, waiting = self._reader, self._waiting
        reader.feed(data)
        try:
            while (reply := reader.gets()) is not NOTHING:
                future = waiting.popleft()
                if not future.done():
                    future.set_result(reply)
        except (ProtocolError, IndexError):  # not RESP, or an answer nobody asked for
            _log.error("store_not_understood")
            self.close()

    def _write(self) -> None:
        self._is_leaving = False
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        if self._transport is not None:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _ring(self) -> None:
        # When our own loop stood still, answers may lie in the socket: they are read before anybody gives up.
        self._timer = self._loop.call_later(GRACE_S, self._give_up)

    def _give_up(self) -> None:
        """End what is overdue. One timer serves all: commands become due in the order they were sent."""
        now, due = self._loop.time(), self._due
        while due and (due[0][0] <= now or due[0][1].done()):
            _, future = due.popleft()
            if not future.done():
                future.set_exception(Away("no answer in time"))
        dead_at = self._heard_at + SILENCE * self._timeout_s
        if self._waiting and now >= dead_at:
            self.close()
        elif due or self._waiting:  # who comes after this has his time too: no clock sleeps longer than that
            next_at = due[0][0] if due else min(dead_at, now + self._timeout_s)
            self._timer = self._loop.call_at(next_at, self._ring)
        else:
            self._timer = None
