"""`python -m worker.ledger`: books what was settled, settles what nobody ends, keeps leases, proves.

Everything it does may be done twice and by two of these processes at once: a second one is a spare.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import structlog
from redis.exceptions import RedisError
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from core.config import Misconfigured, Settings
from core.db import sync_engine
from core.logs import configure_logs
from worker.bumps import resend
from worker.closings import Closer
from worker.drain import AWAY, Drain, RedisStreams
from worker.leases import LeaseKeeper, runner
from worker.proofs import Prover
from worker.redis import open_redis
from worker.signals import stop_on_sigterm
from worker.sweeps import Sweeper

PACE_S = 0.1
IDLE_PACE_S = 0.3  # while nothing comes in
LONGEST_WAIT_S = 15.0
_log = structlog.get_logger()


@dataclass(slots=True)
class Duty:
    """Something to do every so often."""

    work: Callable[[], object]
    every_s: float
    next_s: float = field(default=0.0)


class Ledger:
    """The duties of a ledger process, one after the other, the most urgent first."""

    def __init__(self, engine: Engine, redis: Any, *, is_cluster: bool, clock: Callable[[], float]) -> None:
        run = runner(redis)
        keeper = LeaseKeeper(engine, run)
        self._drain = Drain(engine, RedisStreams(redis, is_cluster=is_cluster))
        self._clock = clock
        self._duties = [
            Duty(keeper.sweep, every_s=1),
            Duty(lambda: resend(engine, run), every_s=1),
            Duty(keeper.renew, every_s=20),
        ]

    def round(self) -> float:
        """Book what there is, then do what is due. Returns how long to wait. Raises AWAY and RedisError."""
        booked = self._drain.round()
        for duty in self._duties:
            now = self._clock()
            if now >= duty.next_s:
                duty.next_s = now + duty.every_s
                duty.work()
        return PACE_S if booked else IDLE_PACE_S


def waits() -> Iterator[float]:
    """Seconds between attempts while a part is away: growing, and bounded."""
    wait = 0.25
    while True:
        yield wait
        wait = min(wait * 2, LONGEST_WAIT_S)


def run(work: Callable[[], float], pause: Callable[[float], None], *, name: str) -> None:
    """Go round for ever. A part going away is said once, and so is its return."""
    waiting: Iterator[float] | None = None
    while True:
        try:
            wait_s = work()
        except (*AWAY, RedisError) as error:
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


def serve(settings: Settings, pause: Callable[[float], None]) -> None:
    """Loops beside each other, so that none waits for another's slow part; only leases need Redis."""
    engine = sync_engine(settings.database_url, pool_size=5)
    sweeper, prover = Sweeper(engine), Prover(engine)
    closer = Closer(engine, longest_call_s=int(settings.total_timeout_s))
    for name, work in (("sweeps", sweeper.round), ("closings", closer.round), ("proofs", prover.round)):
        Thread(target=run, args=(work, pause), kwargs={"name": name}, daemon=True).start()
    try:
        run(_leases(engine, settings), pause, name="leases")
    finally:
        engine.dispose()


def _leases(engine: Engine, settings: Settings) -> Callable[[], float]:
    ledger: list[Ledger] = []

    def work() -> float:
        if not ledger:  # connected to by the first round, and by the one after a failure
            redis, is_cluster = open_redis(settings.redis_url)
            ledger.append(Ledger(engine, redis, is_cluster=is_cluster, clock=time.monotonic))
        return ledger[0].round()

    return work


def main() -> int:
    try:
        settings = Settings.from_env(os.environ)
    except Misconfigured as error:
        print(f"Error: {error.message}", file=sys.stderr)  # noqa: T201  # before there are logs
        return 1
    configure_logs(settings.log_level, "ledger")
    try:
        stop_on_sigterm()
        _log.info("started")
        serve(settings, time.sleep)  # noqa: TID251  # the pace of the loops; a signal interrupts it
    except KeyboardInterrupt:
        _log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
