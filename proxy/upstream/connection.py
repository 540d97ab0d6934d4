"""One connection to a provider: one exchange at a time, its answer taken whole or as it comes."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from proxy.upstream.reader import AnswerReader, BrokenOff, Head

MOST_WAITING = 64 << 10  # bytes of an answer nobody takes yet; beyond it nothing more is read


class Stalled(TimeoutError):
    """The provider said nothing for too long, or speaks without end."""


class TooLong(BrokenOff):
    """The answer is beyond all bounds."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer is waited for."""

    first_byte_s: float
    plain_s: float  # the same for an answer that begins when it is whole
    idle_s: float
    total_s: float


class Receiver(Protocol):
    """Takes a stream. It is called while the loop reads, and so must not wait."""

    def received(self, data: bytes) -> None:
        """Take what came."""

    def ended(self, error: Exception | None) -> None:
        """Take note that nothing more comes, and why, if the answer is not whole."""


class Connection(asyncio.Protocol):
    """Whoever asks on it brings it to `rest`, or closes it. What goes wrong is BrokenOff or Stalled."""

    def __init__(self, patience: Patience, *, on_lost: Callable[["Connection"], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._patience = patience
        self._on_lost = on_lost
        self._reader = AnswerReader()
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_idle = True

    @property
    def head(self) -> Head:
        """The head of the answer, once `ask` has come back."""
        assert self._reader.head is not None
        return self._reader.head

    @property
    def is_open(self) -> bool:
        return not self._transport.is_closing()

    async def ask(self, head: bytes, body: bytes, *, is_plain: bool) -> None:
        """Send a request and wait for the head of its answer. Closed when that comes to nothing."""
        self._reader.begin()
        self._error: Exception | None = None
        self._receiver: Receiver | None = None
        self._limit: int | None = None  # of an answer that is wanted whole
        self._size = 0
        self._is_idle, self._is_paused, self.is_silent = False, False, True
        patience = self._patience
        self._since, self._wait_s = self._loop.time(), patience.plain_s if is_plain else patience.first_byte_s
        self._end_by = math.inf
        self._transport.writelines((head, body))
        self._watch()
        try:
            while self._reader.head is None:
                await self._turn()
                self._check()
        except BaseException:
            self.close()
            raise

    async def whole(self, limit: int) -> bytes:
        """The body, all of it. Raises TooLong when it is longer than the limit."""
        self._limit = limit
        self.resume()
        while not self._reader.is_whole:
            self._check()
            await self._turn()
        body = b"".join(self._reader.body)
        if len(body) > limit:
            raise TooLong("the answer is too long")
        return body

    def stream(self, receiver: Receiver) -> None:
        """Hand the body over as it comes, beginning with what is here."""
        self._receiver = receiver
        self.resume()

    def pause(self) -> None:
        """Hand nothing over, and read nothing more, until `resume`."""
        if not self._is_paused and self.is_open:
            self._is_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._is_paused:
            self._is_paused, self._since = False, self._loop.time()
            if self.is_open:
                self._transport.resume_reading()
        self._tell()

    def rest(self) -> bool:
        """End the exchange; say whether the connection is good for another one. It is closed if not."""
        reader, self._receiver = self._reader, None
        # Answered before all was sent: the rest of that request would be taken for the next one.
        if reader.is_whole and reader.keeps_alive and not self._transport.get_write_buffer_size():
            self._is_idle = self.is_open
        if not self._is_idle:
            self.close()
        elif self._is_paused:
            self._transport.resume_reading()
        return self._is_idle

    def close(self) -> None:
        """Close at once: what is not sent yet is not sent."""
        self._receiver = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport.abort()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of it

    def data_received(self, data: bytes) -> None:
        if self._is_idle:  # nobody asked
            self.close()
            return
        self.is_silent = False
        self._size += len(data)
        try:
            self._reader.feed(data)
        except BrokenOff as error:
            self._fail(error)
            return
        if self._reader.head is not None:
            self._since = self._loop.time()
            if self._end_by == math.inf:
                self._begin_body()
        self._tell()
        if self._receiver is None and not self._reader.is_whole:
            self._bound()

    def connection_lost(self, error: Exception | None) -> None:
        self._on_lost(self)
        if self._is_idle or self._reader.is_whole or self._error is not None:
            return
        if error is None and self._reader.ends_with_connection():
            self._reader.is_whole = True
            self._tell()
        else:
            self._fail(BrokenOff("closed"))

    # What these have in common.

    def _turn(self) -> asyncio.Future[None]:
        """Done when what is waited for is here, or will not come any more."""
        self._waiter = self._loop.create_future()
        return self._waiter

    def _check(self) -> None:
        """Raise what went wrong."""
        if self._error is not None:
            raise self._error

    def _tell(self) -> None:
        """Give whoever waits what is new."""
        if self._receiver is not None:
            if not self._is_paused:
                self._hand_over(self._receiver)
        elif self._waiter is not None and not self._waiter.done():
            reader = self._reader
            is_here = reader.head is not None if self._limit is None else reader.is_whole
            if is_here or self._error is not None:
                self._waiter.set_result(None)

    def _hand_over(self, receiver: Receiver) -> None:
        """What has come, and then the end, unless the receiver pauses or closes in between."""
        body = self._reader.body
        if body:
            data = body[0] if len(body) == 1 else b"".join(body)
            body.clear()
            receiver.received(data)
        is_over = self._reader.is_whole or self._error is not None
        if is_over and self._receiver is receiver and not self._is_paused:
            self._receiver = None
            receiver.ended(self._error)

    def _bound(self) -> None:
        """Keep what nobody has taken within bounds."""
        if self._limit is None:
            if self._size > MOST_WAITING:
                self.pause()
        elif self._size > self._limit:
            self._fail(TooLong("the answer is too long"))

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self._transport.abort()
        self._tell()

    # Keeping time: one timer, which looks again when it fires too early. Few exchanges need a new one.

    def _begin_body(self) -> None:
        self._wait_s = self._patience.idle_s
        self._end_by = self._since + self._patience.total_s
        self._watch()

    def _watch(self) -> None:
        due = min(self._since + self._wait_s, self._end_by)
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._is_idle or self._reader.is_whole or self._error is not None:
            return
        now = self._loop.time()
        if self._is_paused:  # it is we who are late
            self._since = now
        if now >= min(self._since + self._wait_s, self._end_by):
            self._fail(Stalled("silent"))
        else:
            self._watch()
