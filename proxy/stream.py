"""Passing an answer on as it comes."""

import asyncio
from collections.abc import Mapping

from core.config import Settings
from core.errors import OutOfCredits, Refused
from proxy.passages.passage import Passage
from proxy.relay import broken, settled
from proxy.running import Charge
from proxy.sse import KEEP_ALIVE, MalformedStream, event
from proxy.upstream.offers import Answer
from proxy.upstream.reader import BrokenOff
from proxy.wire import Wire

# A call that was cut is told from one that never began: something was delivered, and charged.
CUT = {"insufficient_credits": "out_of_money", "upstream_failed": "upstream_cut"}


class StreamRelay:
    """One stream on its way from a provider to a client.

    Bytes are passed on while the loop reads them, with nothing awaited. What has to wait (a client that is
    behind, a hold that is used up, the end) pauses the provider and is left to `run`.
    """

    def __init__(
        self, answer: Answer, charge: Charge, passage: Passage, wire: Wire, settings: Settings
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._answer = answer
        self._charge = charge
        self._passage = passage
        self._wire = wire
        self._keep_alive_s = settings.keep_alive_s
        self._ample_bytes = 0  # the meter need not be asked before so much was produced
        self._first: list[bytes] = []  # what came before the client was told anything
        self._written_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()  # there is something for `run` to do
        self._is_paused = False  # the provider was, once: only `run` has it go on
        self._is_over = False
        self._error: Exception | None = None

    async def run(self, fields: Mapping[str, str], *, echo: bytes | None) -> None:
        """Relay until the answer ends. A failure raises while the client got nothing, later it is a chunk."""
        self._answer.connection.stream(self)
        while not (self._is_over or self._is_paused or (self._first and self._passage.has_content)):
            await self._news.wait()
            self._news.clear()
        if self._error is not None and not (self._first and self._charge.meter.produced_bytes):
            raise self._error  # whatever came before it holds nothing: another offer may do better
        self._answer.begins()
        self._charge.meter.is_relayed = bool(self._first)
        self._wire.begin((event(echo) if echo else b"") + b"".join(self._first), fields)
        self._beat()
        try:
            await self._end(await self._relayed())
        except BaseException:
            self._wire.cut()
            raise
        finally:
            self._stop_beating()

    # What the connection calls while the loop reads.

    def received(self, data: bytes) -> None:
        """Pass on what came of the stream."""
        try:
            if not self._is_over:
                self._take(data)
        except Exception as error:  # noqa: BLE001  # ours, not the connection's: `run` raises it
            self._finish(error)

    def ended(self, error: Exception | None) -> None:
        """Nothing more comes. A stream without its last word is whole when the model had finished."""
        if self._is_over:
            return
        if error is None and self._charge.meter.finish_reason is None:
            error = BrokenOff("no end")
        if error is None and not self._passage.has_last_word:
            self._charge.meter.whole()
        self._finish(None if error is None else broken(error, self._answer))

    # What is done with it.

    def _take(self, data: bytes) -> None:
        batch, malformed = self._passage.take(data)
        if self._wire.has_begun:
            if batch:
                self._write(batch)
        else:  # not before there is something: until then a failure is still an HTTP error
            if batch:
                self._first.append(batch)
            if self._first and self._passage.has_content:  # content may be a thought that is not shown
                self._news.set()
        if malformed is not None:
            self._finish(broken(malformed, self._answer))
        elif self._passage.is_done:
            self._charge.meter.whole()
            self._finish(None)
        elif self._has_to_wait():
            self._is_paused = True
            self._answer.connection.pause()
            self._news.set()

    def _write(self, batch: bytes) -> None:
        self._wire.write(batch)
        self._written_at = self._loop.time()

    def _has_to_wait(self) -> bool:
        """Extend the hold while the answer grows; say whether there is something to wait for."""
        meter = self._charge.meter
        if meter.produced_bytes > self._ample_bytes:
            if meter.wants_more():
                self._charge.extend_in_background()
            if meter.is_used_up() or meter.is_overrun():
                return True
            self._ample_bytes = meter.ample_bytes()
        return self._wire.is_behind

    def _finish(self, error: Exception | None) -> None:
        self._is_over, self._error = True, error
        self._news.set()

    def _beat(self) -> None:
        """Send a comment when nothing was sent for a while, so that nobody between takes us for dead."""
        now = self._loop.time()
        if now >= self._written_at + self._keep_alive_s:
            self._written_at = now
            if not self._wire.is_behind:
                self._wire.write(KEEP_ALIVE)
        self._timer = self._loop.call_at(self._written_at + self._keep_alive_s, self._beat)

    def _stop_beating(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    # What has to wait.

    async def _relayed(self) -> Refused | None:
        """Wait for the end, and before it for all that keeps it waiting. The refusal, if that is the end."""
        try:
            while True:
                if self._error is not None:
                    raise self._error
                await self._stay_within_means()
                await self._wire.drained()
                if self._is_over:
                    return None
                self._answer.connection.resume()
                await self._news.wait()
                self._news.clear()
        except Refused as refused:
            return refused

    async def _stay_within_means(self) -> None:
        """Wait for more to hold; end the answer when there is nothing left to hold."""
        meter = self._charge.meter
        while meter.wants_more():
            self._charge.extend_in_background()
            if not meter.is_used_up():
                return
            await self._charge.extended()
        if meter.is_used_up():
            raise OutOfCredits(
                "The answer was cut: no credits are left for more of it. Please top up to continue."
            )
        if meter.is_overrun():
            raise broken(MalformedStream("the answer is longer than was asked for"), self._answer)

    async def _end(self, refused: Refused | None) -> None:
        """Settle, and say last what it came to."""
        if refused is None:
            last = self._passage.end(await settled(self._charge))
        else:
            self._charge.meter.end(CUT.get(refused.reason, refused.reason), status=refused.status)
            provider = self._answer.offer.provider.name
            last = self._passage.failed(refused, await settled(self._charge), provider=provider)
        self._wire.end(last)
        await self._wire.drained()
