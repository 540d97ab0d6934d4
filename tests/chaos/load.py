"""Callers who call one proxy or another, again and again, until they are told to stop."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from types import TracebackType
from typing import Self

from tests.chaos.accounts import BRIEF, PLAIN, SLOW
from tests.chaos.client import Seen, ask, call
from tests.chaos.processes import Process, until
from tests.chaos.rig import Rig

FIRST_WORD = 1000  # bytes of an answer by which its first words have come
# Model, stream, words from and to.
QUICK = ((BRIEF, True, 10, 40), (PLAIN, False, 5, 40))
MIXED = (*QUICK, *QUICK, (SLOW, True, 20, 70))  # some that run on through what happens
LONG = (*QUICK, (SLOW, True, 20, 70), (SLOW, True, 20, 70))  # streams of one to four seconds among them
LONGEST = (*QUICK, *3 * ((SLOW, True, 60, 300),))  # of up to a quarter of a minute
PAUSE_S = 0.1
STALLED_S = 30


class Load:
    """So many callers at once, each with a key of its own. What they saw is added to what the rig knows.

    `leaving` is the part of them that goes away at some byte of the answer.
    """

    def __init__(
        self,
        rig: Rig,
        callers: int,
        *,
        chance: Random,
        leaving: float = 0.0,
        mix: Sequence[tuple[str, bool, int, int]] = QUICK,
    ) -> None:
        self.rig, self.chance, self.leaving, self.mix = rig, chance, leaving, mix
        self.running: set[Seen] = set()
        self.seen: list[Seen] = []
        self._secrets = rig.accounts.callers(callers)

    async def __aenter__(self) -> Self:
        self._callers = [asyncio.create_task(self._call_on(secret)) for secret in self._secrets]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Everybody goes, whatever answer they are in the middle of."""
        for caller in self._callers:
            caller.cancel()
        ends = await asyncio.gather(*self._callers, return_exceptions=True)
        faults = [end for end in ends if not isinstance(end, asyncio.CancelledError)]
        if faults and kind is None:
            raise ExceptionGroup("callers failed", faults)

    def streaming(self, proxy: Process) -> int:
        """How many answers this proxy is in the middle of."""
        return sum(seen.proxy == proxy.url and seen.received > FIRST_WORD for seen in self.running)

    async def flowing(self, proxy: Process) -> None:
        """Wait until this proxy is in the middle of an answer."""
        await until(lambda: self.streaming(proxy), within_s=STALLED_S)

    async def answered(self, count: int) -> None:
        """Wait for so many more whole answers."""
        await self._more(count, lambda seen: seen.is_complete and seen.status == 200 and not seen.error)

    async def left(self, count: int) -> None:
        """Wait until so many more clients have gone away."""
        await self._more(count, lambda seen: seen.has_left)

    async def _more(self, count: int, counts: Callable[[Seen], bool]) -> None:
        done = len(self.seen)
        await until(lambda: sum(map(counts, self.seen[done:])) >= count, within_s=STALLED_S + count)

    async def _call_on(self, secret: str) -> None:
        while True:
            seen = await self._call(secret)
            if seen.status != 200:
                await asyncio.sleep(PAUSE_S)

    async def _call(self, secret: str) -> Seen:
        chance = self.chance
        model, stream, low, high = chance.choice(self.mix)
        proxy = chance.choice(self.rig.proxies)
        seen = Seen(proxy=proxy.url, secret=secret, model=model, stream=stream)
        leave_after = chance.randrange(1, 12_000) if chance.random() < self.leaving else None
        how = chance.choice(("close", "abort"))
        self.running.add(seen)
        try:
            await call(
                seen, ask(model, chance.randint(low, high), stream=stream), leave_after=leave_after, how=how
            )
        finally:
            self.running.discard(seen)
            self.seen.append(seen)
            self.rig.seen.append(seen)
        return seen
