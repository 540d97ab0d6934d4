"""The measuring: every target in turn under each kind of load, round after round."""

import http.client
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event

from bench.cpu import machine_s, used_s
from bench.load import Load, Sample
from bench.stats import percentile
from bench.targets import RELAY, Target
from bench.wire import Ask
from dev.ports import LOOPBACK

SETTLE_S, POLL_S = 15.0, 0.05
MICRO = 1e6


@dataclass(frozen=True, slots=True)
class Phase:
    """One kind of load."""

    name: str
    ask: Ask
    concurrency: int


PLAIN, PACED, BURST = Ask(), Ask(streamed=True, pace_us=2000), Ask(streamed=True)
PHASES = (
    Phase("plain 16", PLAIN, 16),
    Phase("plain 1", PLAIN, 1),
    Phase("plain 64", PLAIN, 64),
    Phase("paced 16", PACED, 16),
    Phase("paced 1", PACED, 1),
    Phase("burst 16", BURST, 16),
)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long each run is."""

    warm_s: float
    measure_s: float
    rounds: int

    def estimate_s(self, targets: int) -> float:
        """About how long it takes to measure so many targets, calls that are let end included."""
        return self.rounds * len(PHASES) * targets * (self.warm_s + self.measure_s + 0.5)


@dataclass(slots=True)
class Measured:
    """One target under one load in one round. A unit is a call, or an event of a stream."""

    target: str
    phase: str
    round: int
    units_per_s: float = 0
    p50_us: float | None = None
    p99_us: float | None = None
    first_p50_us: float | None = None
    first_p99_us: float | None = None
    cpu_us: float | None = None  # of the relay, a unit
    cores: float = 0  # how much of its core the relay used
    parts_us: dict[str, float] = field(
        default_factory=dict
    )  # of what it leans on, a call, until all is settled
    scripts: float | None = None  # a call
    others: float = 0  # share of the machine that was used by somebody else
    faults: list[str] = field(default_factory=list)

    @property
    def per_core_s(self) -> float | None:
        """What the relay would do with its core full: where it waits for others, it could do more."""
        return self.units_per_s / self.cores if self.cores else None


def measure(target: Target, phase: Phase, upstream: Target, *, timing: Timing, number: int) -> Measured:
    """Load one target once, and wait until it has booked what it answered."""
    made = Measured(target.name, phase.name, number)
    before, marks = Counts.of(target, upstream), list[Mark]()
    load = Load(
        target.port,
        phase.ask.request(target.port, target.headers),
        concurrency=phase.concurrency,
        streamed=phase.ask.streamed,
    )
    sample = load.run(
        warm_s=timing.warm_s, measure_s=timing.measure_s, mark=lambda: marks.append(Mark.of(target))
    )
    made.faults += [f"{count} x {reason}" for reason, count in sample.failures.items()]
    made.faults += await_booked(target, before.booked + sample.total - sample.failures.total())
    after = Counts.of(target, upstream)
    if (asked := after.served - before.served) != sample.total and not sample.failures:
        made.faults.append(f"{sample.total} calls were answered, the upstream was asked {asked} times")
    read_sample(made, sample, is_streamed=phase.ask.streamed)
    read_marks(made, *marks, units=sample.events if phase.ask.streamed else sample.calls)
    calls = max(1, sample.total)
    leant_on = set(target.parts) - {RELAY}
    made.parts_us = {part: (after.used_s[part] - before.used_s[part]) * MICRO / calls for part in leant_on}
    made.scripts = (after.scripts - before.scripts) / calls if target.scripts else None
    return made


@dataclass(frozen=True, slots=True)
class Counts:
    """What was done before a run and after it, when all of it is done."""

    served: int  # by the upstream
    booked: int
    scripts: int
    used_s: dict[str, float]

    @classmethod
    def of(cls, target: Target, upstream: Target) -> "Counts":
        return cls(
            calls_served(upstream.port),
            target.booked() if target.booked else 0,
            target.scripts() if target.scripts else 0,
            used_s(target.parts),
        )


@dataclass(frozen=True, slots=True)
class Mark:
    """Processor time up to a moment."""

    at: float
    relay_s: float
    own_s: float  # of the benchmark and all it started
    machine_s: float

    @classmethod
    def of(cls, target: Target) -> "Mark":
        used = used_s({RELAY: target.parts[RELAY], "own": os.getpid()})
        return cls(time.perf_counter(), used[RELAY], used["own"], machine_s())


def read_sample(made: Measured, sample: Sample, *, is_streamed: bool) -> None:
    made.units_per_s = (sample.events if is_streamed else sample.calls) / sample.seconds
    for name, values in (("", sample.latencies_s), ("first_", sample.first_events_s)):
        for rank in (50, 99):
            found = percentile(values, rank / 100)
            setattr(made, f"{name}p{rank}_us", None if found is None else found * MICRO)


def read_marks(made: Measured, began: Mark, ended: Mark, *, units: int) -> None:
    seconds, relay_s = ended.at - began.at, ended.relay_s - began.relay_s
    made.cores = relay_s / seconds
    made.cpu_us = relay_s * MICRO / units if units else None
    elsewhere_s = (ended.machine_s - began.machine_s) - (ended.own_s - began.own_s)
    made.others = max(0.0, elsewhere_s / seconds / (os.cpu_count() or 1))


def await_booked(target: Target, due: int) -> list[str]:
    """Wait until every call is booked: what is left to do belongs to this load, not to the next."""
    if target.booked is None:
        return []
    deadline, pause = time.monotonic() + SETTLE_S, Event()
    while (left := due - target.booked()) > 0 and time.monotonic() < deadline:
        pause.wait(POLL_S)
    return [f"{abs(left)} calls too {'few' if left > 0 else 'many'} are booked"] if left else []


def calls_served(port: int) -> int:
    """How many calls the upstream has answered, by its own count."""
    link = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        link.request("GET", "/")
        served = json.loads(link.getresponse().read())
    finally:
        link.close()
    return int(served["plain"] + served["streams"])


def interleaved(
    targets: Sequence[Target], upstream: Target, *, timing: Timing, tell: Callable[[str], None]
) -> list[Measured]:
    """All rounds. Each begins with another target, so that none always follows the same one."""
    found: list[Measured] = []
    warmth = Timing(warm_s=0, measure_s=1.0, rounds=1)
    for target in targets:
        for phase in (PHASES[0], PHASES[-1]):  # first calls import modules and open connections
            measure(target, phase, upstream, timing=warmth, number=-1)
    for number in range(timing.rounds):
        turn = number % len(targets)
        for phase in PHASES:
            found += [
                measure(target, phase, upstream, timing=timing, number=number)
                for target in (*targets[turn:], *targets[:turn])
            ]
            tell(f"round {number + 1} of {timing.rounds}: {phase.name}")
    return found
