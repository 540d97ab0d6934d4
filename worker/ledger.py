"""`python -m worker.ledger`: books what was settled, settles what nobody ends, keeps leases, proves.

Everything it does may be done twice and by two of these processes at once: a second one is a spare.
"""

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread

import structlog
from redis.exceptions import RedisError
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from core.config import Misconfigured, Settings
from core.counters.client import Counters
from core.counters.reconcile import Reconciler
from core.db import sync_engine
from core.logs import configure_logs
from worker.bumps import resend
from worker.drain import Drain
from worker.leases import LeaseKeeper
from worker.proofs import Prover
from worker.reconcile import Reconciliation
from worker.signals import stop_on_sigterm
from worker.streams import RedisStreams
from worker.sweeps import Sweeper
from worker.trim import Trimmer

PACE_S = 0.1  # events are booked together that come in meanwhile
IDLE_PACE_S = 0.5  # while nothing comes in
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 15.0
_log = structlog.get_logger()
Work = Callable[[], float]  # does what there is to do; returns how long to wait


@dataclass(slots=True)
class Duty:
    """Something to do every so often."""

    work: Callable[[], object]
    every_s: float
    next_s: float = field(default=0.0)


class Duties:
    """One after the other, each when it is due."""

    def __init__(self, *duties: Duty, clock: Callable[[], float] = time.monotonic) -> None:
        self._duties = duties
        self._clock = clock

    def round(self) -> float:
        """Do what is due. Returns how long to wait. Raises the first failure: what failed stays due."""
        failed: Exception | None = None
        for duty in self._duties:
            now = self._clock()
            if now >= duty.next_s:
                try:
                    duty.work()
                except (SQLAlchemyError, RedisError) as error:
                    failed = failed or error
                else:
                    duty.next_s = now + duty.every_s
        if failed is not None:
            raise failed
        return max(0.0, min(duty.next_s for duty in self._duties) - self._clock())


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything a ledger process does, in loops of their own: none waits for another's slow part."""

    drain: Drain
    keeper: LeaseKeeper
    sweeper: Sweeper
    prover: Prover
    reconciliation: Reconciliation
    trimmer: Trimmer
    bumps: Callable[[], object]

    @property
    def loops(self) -> Mapping[str, Work]:
        leases = Duties(
            Duty(self.keeper.sweep, every_s=1),
            Duty(self.bumps, every_s=1),
            Duty(self.keeper.renew, every_s=20),
        )
        closings = Duties(Duty(self.keeper.close_old, every_s=2))  # they need no Redis
        return {
            "drain": lambda: PACE_S if self.drain.round() else IDLE_PACE_S,
            "leases": leases.round,
            "closings": closings.round,
            "sweeps": self.sweeper.round,
            "proofs": self.prover.round,
            "reconciliation": self.reconciliation.round,
            "trim": self.trimmer.round,
        }


def build_ledger(settings: Settings, engine: Engine) -> Ledger:
    """Each loop has connections to Redis of its own."""
    drained, kept, proved, trimmed = (Counters(settings.counters_url) for _ in range(4))
    return Ledger(
        drain=Drain(engine, RedisStreams(drained)),
        keeper=LeaseKeeper(engine, kept, longest_call_s=int(settings.total_timeout_s)),
        sweeper=Sweeper(engine),
        prover=Prover(engine),
        reconciliation=Reconciliation(Reconciler(engine, proved)),
        trimmer=Trimmer(trimmed),
        bumps=lambda: resend(engine, kept),
    )


def waits() -> Iterator[float]:
    """Seconds between attempts while a part is away: growing, and bounded."""
    wait = FIRST_WAIT_S
    while True:
        yield wait
        wait = min(wait * 2, LONGEST_WAIT_S)


def run(work: Work, pause: Callable[[float], None], *, name: str) -> None:
    """Go round for ever. A part going away is said once, and so is its return."""
    waiting: Iterator[float] | None = None
    while True:
        try:
            wait_s = work()
        except (SQLAlchemyError, RedisError) as error:
            if waiting is None:
                waiting = waits()
                _log.error("away", work=name, error=_cause(error))
            wait_s = next(waiting)
        else:
            if waiting is not None:
                waiting = None
                _log.warning("back", work=name)
        pause(wait_s)


def _cause(error: Exception) -> str:
    return type(error.orig if isinstance(error, DBAPIError) else error).__name__


def run_all(loops: Mapping[str, Work], pause: Callable[[float], None]) -> None:
    """Run loops side by side. One that fails ends them all: whoever started us will start us again."""
    failed: SimpleQueue[BaseException] = SimpleQueue()

    def guarded(name: str, work: Work) -> None:
        try:
            run(work, pause, name=name)
        except BaseException as error:  # noqa: BLE001  # handed on to the main thread
            failed.put(error)

    for name, work in loops.items():
        Thread(target=guarded, args=(name, work), name=name, daemon=True).start()
    raise failed.get()


def watch(ledger: Ledger, settings: Settings, engine: Engine) -> None:
    """Answer Prometheus, where it is told of us. Raises Misconfigured."""
    if not settings.ledger_metrics_port:
        return
    # Loaded only where somebody asks.
    from worker.metrics import LedgerCollector, Watched, serve_metrics

    watched = Watched(ledger.drain, (ledger.keeper, ledger.sweeper), (ledger.prover, ledger.reconciliation))
    collector = LedgerCollector(watched, engine, Counters(settings.counters_url))
    try:
        serve_metrics(collector, host=settings.metrics_host, port=settings.ledger_metrics_port)
    except OSError as error:
        raise Misconfigured(f"LEDGER_METRICS_PORT cannot be opened: {error.strerror}") from None


def main() -> int:
    try:
        settings = Settings.from_env(os.environ)
        configure_logs(settings.log_level, "ledger")
        engine = sync_engine(settings.database_url, pool_size=8)
        ledger = build_ledger(settings, engine)
        watch(ledger, settings, engine)
    except Misconfigured as error:
        print(f"Error: {error.message}", file=sys.stderr)  # noqa: T201  # before there are logs
        return 1
    gc.freeze()  # what is loaded stays: looking through it once more made the end take half a second
    try:
        stop_on_sigterm()
        _log.info("started")
        run_all(ledger.loops, time.sleep)  # noqa: TID251  # the pace of the loops
    except KeyboardInterrupt:
        _log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
