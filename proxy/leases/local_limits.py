"""Limits that one proxy keeps by itself while there is no Redis to count for all of them.

Each proxy allows its share of a limit: what there is, divided by how many proxies are alive. What was spent
and what runs is counted at all times, so that it is known when it is needed.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from core.charging.calls import Call, Caller, TooFast, Tripped
from core.rules.rates import MINUTE_US, Rate, rate_at
from core.rules.scopes import NO_THRESHOLD_N

TICKS = 60
SECOND_MS, MINUTE_MS = 1000, 60_000
AT_ONCE_MS = 1000  # after that some call may have ended
Scope = Literal["global", "member", "team", "org"]


@dataclass(slots=True)
class Window:
    """What was spent in the last sixty ticks, tick by tick, the oldest first."""

    tick_ms: int
    total_n: int = 0
    ticks: dict[int, int] = field(default_factory=dict)

    def add(self, amount_n: int, now_ms: int) -> None:
        tick = now_ms // self.tick_ms
        self.ticks[tick] = self.ticks.get(tick, 0) + amount_n
        self.total_n += amount_n

    def spent_n(self, now_ms: int) -> int:
        first = now_ms // self.tick_ms - TICKS + 1
        while self.ticks and (tick := next(iter(self.ticks))) < first:
            self.total_n -= self.ticks.pop(tick)
        return self.total_n

    def wait_ms(self, limit_n: int, now_ms: int) -> int:
        """How long until less than the limit is left in it."""
        left_n = self.spent_n(now_ms)
        for tick, amount_n in self.ticks.items():
            left_n -= amount_n
            if left_n < limit_n:
                return (tick + TICKS) * self.tick_ms - now_ms
        return TICKS * self.tick_ms


@dataclass(slots=True)
class Windows:
    """The last minute and the last hour of a scope."""

    minute: Window = field(default_factory=lambda: Window(SECOND_MS))
    hour: Window = field(default_factory=lambda: Window(MINUTE_MS))

    def add(self, amount_n: int, now_ms: int) -> None:
        self.minute.add(amount_n, now_ms)
        self.hour.add(amount_n, now_ms)


@dataclass(frozen=True, slots=True)
class Breaker:
    """A circuit breaker, or the share of it that is ours."""

    scope: Scope
    name: str
    minute_n: int
    hourly_n: int
    subject_id: UUID | None = None
    is_shadow: bool = False

    def trip(self, windows: Windows, now_ms: int, rate: Rate | None) -> Tripped | None:
        """The refusal, when one of the windows has reached its threshold."""
        sides: tuple[tuple[Literal["minute", "hour"], Window, int], ...] = (
            ("minute", windows.minute, self.minute_n),
            ("hour", windows.hour, self.hourly_n),
        )
        for name, window, limit_n in sides:
            spent_n = window.spent_n(now_ms)
            if spent_n >= limit_n:
                wait_ms = window.wait_ms(limit_n, now_ms)
                return Tripped(
                    self.scope, name, wait_ms, spent_n, limit_n, self.subject_id, rate, self.is_shadow
                )
        return None


@dataclass(frozen=True, slots=True)
class Taken:
    """A place among the calls that run, and one of the calls of this minute."""

    rate: Rate | None
    step_us: int
    shadows: Sequence[Tripped]  # breakers that would have refused


class LocalLimits:
    """Calls a minute and at once, and the circuit breakers. `global_n`: of a minute and an hour; 0: none."""

    def __init__(
        self, *, global_n: tuple[int, int] = (0, 0), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._global_n = global_n
        self._clock = clock
        self._arrivals: dict[UUID, int] = {}  # by owner: when all of its calls are there again (us)
        self._running: Counter[UUID] = Counter()  # by key
        self._windows: dict[str, Windows] = {}  # by scope
        self._counted: dict[UUID, int] = {}  # by call that runs: what it has cost upstream so far
        self._pruned_ms = self._now_ms()

    def rate(self, caller: Caller, *, proxies: int) -> Rate | None:
        """Where a caller stands with its calls a minute."""
        limit, now_us = share(caller.rpm, proxies), self._now_us()
        if not limit:
            return None
        since_us = (
            time.time_ns() // 1000 - now_us
        )  # a clock that never goes back counts; people are told the time
        arrival_us = self._arrivals.get(_owner(caller), 0)
        return rate_at(limit, arrival_us=arrival_us + since_us, now_us=now_us + since_us)

    def take(self, call: Call, *, proxies: int) -> Taken | TooFast | Tripped:
        """Take a place for a call, or say why there is none: then nothing is used up."""
        caller, now_us = call.caller, self._now_us()
        rate, limit = self.rate(caller, proxies=proxies), share(caller.rpm, proxies)
        step_us = MINUTE_US // limit if limit else 0
        arrival_us = max(self._arrivals.get(_owner(caller), 0), now_us) + step_us
        wait_us = arrival_us - step_us * limit - now_us
        if limit and wait_us > 0:
            return TooFast(limit, -(-wait_us // 1000), rate)
        at_once = share(caller.at_once, proxies)
        if at_once and self._running[caller.key_id] >= at_once:
            return TooFast(at_once, AT_ONCE_MS, rate, at_once=True)
        trips = self._trips(caller, proxies, rate)
        refusal = next((trip for trip in trips if not trip.is_shadow), None)
        if refusal is not None:
            return refusal
        self._running[caller.key_id] += 1
        if limit:
            self._arrivals[_owner(caller)] = arrival_us
        return Taken(self.rate(caller, proxies=proxies), step_us, trips)

    def give_back(self, call: Call, taken: Taken) -> None:
        """The call was not admitted after all."""
        self._leave(call.key_id)
        if taken.step_us:
            owner = _owner(call.caller)
            self._arrivals[owner] = self._arrivals.get(owner, taken.step_us) - taken.step_us

    def began(self, call: Call) -> None:
        """A call runs that was admitted elsewhere."""
        self._running[call.key_id] += 1

    def count(self, call: Call, upstream_n: int) -> None:
        """A call has cost so much upstream by now."""
        more_n = upstream_n - self._counted.get(call.request_id, 0)
        if more_n <= 0:
            return
        self._counted[call.request_id] = upstream_n
        now_ms = self._now_ms()
        for breaker in self._breakers(call.caller, 1):
            self._windows.setdefault(breaker.name, Windows()).add(more_n, now_ms)
        if now_ms - self._pruned_ms > MINUTE_MS:
            self._prune(now_ms)

    def ended(self, call: Call) -> None:
        self._counted.pop(call.request_id, None)
        self._leave(call.key_id)

    def _trips(self, caller: Caller, proxies: int, rate: Rate | None) -> list[Tripped]:
        """The breakers that are open, the global one first."""
        now_ms, nothing = self._now_ms(), Windows()
        trips = (
            breaker.trip(self._windows.get(breaker.name, nothing), now_ms, rate)
            for breaker in self._breakers(caller, proxies)
        )
        return [trip for trip in trips if trip is not None]

    def _breakers(self, caller: Caller, proxies: int) -> Iterator[Breaker]:
        if any(self._global_n):
            minute_n, hourly_n = (share(limit_n or NO_THRESHOLD_N, proxies) for limit_n in self._global_n)
            yield Breaker("global", "g", minute_n, hourly_n)
        for fuse in caller.fuses:
            limits_n = share(fuse.minute_n, proxies), share(fuse.hourly_n, proxies)
            yield Breaker(fuse.scope, fuse.name, *limits_n, fuse.id, fuse.is_shadow)

    def _leave(self, key_id: UUID) -> None:
        self._running[key_id] -= 1
        if self._running[key_id] <= 0:
            del self._running[key_id]

    def _prune(self, now_ms: int) -> None:
        """Forget who has spent nothing for an hour, and whose calls are all there."""
        self._pruned_ms = now_ms
        self._windows = {name: one for name, one in self._windows.items() if one.hour.spent_n(now_ms)}
        self._arrivals = {owner: at for owner, at in self._arrivals.items() if at > now_ms * 1000}

    def _now_ms(self) -> int:
        return self._now_us() // 1000

    def _now_us(self) -> int:
        return int(self._clock() * 1_000_000)


def share(limit: int, proxies: int) -> int:
    """One proxy's part of a limit: never nothing of something."""
    return max(1, limit // proxies) if limit else 0


def _owner(caller: Caller) -> UUID:
    return caller.rpm_owner or caller.user_id
