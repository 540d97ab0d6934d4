"""How much calls to one provider slow down while hundreds hang at another: `bin/bench --hung`.

Slices with and without take turns, for the machine is another one a minute later, and each pair has a ratio.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from statistics import median

from bench.cores import on
from bench.cores import ours as our_cores
from bench.install import Missing
from bench.load import Load
from bench.ours import ours
from bench.peers import upstream
from bench.report import shown, table
from bench.rounds import MICRO, PLAIN, await_booked
from bench.stats import percentile
from bench.targets import Target
from bench.wire import HUNG_MODEL, Ask
from dev.ports import LOOPBACK

HUNG, AT_ONCE, PAIRS = 300, 16, 6
WARM_S, SLICE_S, PATIENCE_S = 0.3, 1.5, 10.0
READ = 65_536
MOST = 1.2  # what the p99 of the others may grow to
HANGING = Ask(streamed=True, pace_us=3_600_000_000, model=HUNG_MODEL)  # one event, and nothing more


@dataclass(frozen=True, slots=True)
class Slice:
    """What the calls of one slice took."""

    p50_us: float
    p99_us: float
    calls: int


def hung(tell: Callable[[str], None]) -> str:
    """Measure it; returns the report. Raises Missing when calls failed."""
    cores = our_cores()
    with upstream(cores) as source, ours(upstream_port=source.port, cores=cores) as (target, _product):
        measured(target, is_hung=False, seconds=1.0)  # first calls import modules and open connections
        pairs = []
        with on(cores.load):
            for number in range(PAIRS):
                order = (False, True) if number % 2 else (True, False)
                found = {is_hung: measured(target, is_hung=is_hung) for is_hung in order}
                pairs.append((found[True], found[False]))
                tell(f"pair {number + 1} of {PAIRS}")
    return report(pairs)


def measured(target: Target, *, is_hung: bool, seconds: float = SLICE_S) -> Slice:
    """One slice, until everything of it is booked."""
    assert target.booked is not None
    due = target.booked() + (HUNG if is_hung else 0)
    load = Load(target.port, PLAIN.request(target.port, target.headers), concurrency=AT_ONCE, streamed=False)
    with hanging(target) if is_hung else nullcontext():
        sample = load.run(warm_s=WARM_S, measure_s=seconds, mark=lambda: None)
    wrong = [f"{count} x {reason}" for reason, count in sample.failures.items()]
    wrong += await_booked(target, due + sample.total)
    p50_s, p99_s = (percentile(sample.latencies_s, share) for share in (0.5, 0.99))
    if wrong or p50_s is None or p99_s is None:
        raise Missing(f"not all calls went well: {'; '.join(wrong) or 'there were none'}")
    return Slice(p50_s * MICRO, p99_s * MICRO, sample.calls)


@contextmanager
def hanging(target: Target) -> Iterator[None]:
    """Have calls hang for a block of code: each has got the first of its stream, and gets no more."""
    request = HANGING.request(target.port, target.headers)
    with ExitStack() as stack:
        links = []
        for _ in range(HUNG):
            link = stack.enter_context(socket.create_connection((LOOPBACK, target.port), PATIENCE_S))
            link.sendall(request)
            links.append(link)
        for link in links:
            await_begin(link)
        yield


def await_begin(link: socket.socket) -> None:
    """Wait for the first of a stream. Raises Missing when that is not what comes."""
    begun = b""
    while b"data: " not in begun:
        try:
            piece = link.recv(READ)
        except TimeoutError:
            piece = b""
        if not piece:
            raise Missing(f"a call that was to hang got {begun[:100]!r}")
        begun += piece


def report(pairs: list[tuple[Slice, Slice]]) -> str:
    rows = [
        [
            str(number),
            *(shown(figure) for one in pair for figure in (one.p50_us, one.p99_us)),
            shown(pair[0].p99_us / pair[1].p99_us),
        ]
        for number, pair in enumerate(pairs, 1)
    ]
    heads = ("pair", "hung p50 us", "hung p99 us", "alone p50 us", "alone p99 us", "p99 ratio")
    p50, p99 = (
        median(getattr(with_hung, figure) / getattr(alone, figure) for with_hung, alone in pairs)
        for figure in ("p50_us", "p99_us")
    )
    said = "held" if p99 <= MOST else "missed"
    return (
        f"{table(heads, rows)}\n\n{AT_ONCE} calls at once, {HUNG} others hanging at another provider: p50 x "
        f"{shown(p50)}, p99 x {shown(p99)} (median of {len(pairs)} pairs; at most {MOST}: {said})."
    )
