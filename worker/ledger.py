"""`python -m worker.ledger`: settles the calls of proxies that died, and proves the books over and over.

Each call is settled in a transaction of its own under its wallet's lock; two of these processes at once
never settle a call twice, so a second one is a spare.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from core.charging.proof import prove
from core.charging.settlement import due_holds, sweep
from core.config import Misconfigured, Settings
from core.db import sync_engine
from core.logs import configure_logs
from worker.signals import stop_on_sigterm

PACE_S = 1.0
PROOF_EVERY_S = 60.0
PROOF_SHARE = 20  # a proof that takes long is made less often: a twentieth of the time at most
BATCH = 100
LONGEST_WAIT_S = 15.0
AWAY = (OperationalError, InterfaceError)  # PostgreSQL is gone, or too busy to answer
_log = structlog.get_logger()


class Ledger:
    """What one ledger process remembers between rounds."""

    def __init__(
        self, engine: Engine, *, clock: Callable[[], float] = time.monotonic, batch: int = BATCH
    ) -> None:
        self._engine = engine
        self._batch = batch
        self._clock = clock
        self._next_proof = clock()
        self._stuck: set[UUID] = set()  # calls that cannot be settled, and were reported

    def round(self) -> None:
        """Settle what is due; prove the books when that is due. Raises what SQLAlchemy raises."""
        while self.sweep_batch() >= self._batch:
            pass
        if self._clock() >= self._next_proof:
            self.prove_books()

    def sweep_batch(self) -> int:
        """Settle abandoned calls, the oldest first. Returns how many were due and not known to be stuck."""
        with self._engine.connect() as connection:
            due = due_holds(connection, limit=self._batch + len(self._stuck))
        self._stuck.intersection_update(request_id for request_id, _ in due)
        for request_id, wallet_id in due:
            self._sweep(request_id, wallet_id)
        return len(due) - len(self._stuck)

    def _sweep(self, request_id: UUID, wallet_id: UUID) -> None:
        try:
            with self._engine.begin() as connection:
                settled = sweep(connection, request_id=request_id, wallet_id=wallet_id)
        except AWAY:
            raise
        except DBAPIError as error:  # one row that cannot be written must not keep the others
            if request_id not in self._stuck:
                self._stuck.add(request_id)
                _log.error(
                    "call_stuck", request_id=request_id, wallet_id=wallet_id, error=type(error.orig).__name__
                )
            return
        self._stuck.discard(request_id)
        if settled is not None:
            _log.warning("call_swept", request_id=request_id, wallet_id=wallet_id, charge_n=settled.charge_n)

    def prove_books(self) -> None:
        """Prove every sum; each difference is an alarm."""
        began = self._clock()
        try:
            differences = prove(self._engine)
        finally:  # one that fails, or takes too long, is not made again at once: calls wait to be settled
            now = self._clock()
            self._next_proof = now + max(PROOF_EVERY_S, PROOF_SHARE * (now - began))
        for wrong in differences:
            _log.error(
                "books_differ",
                check=wrong.check,
                subject=wrong.subject,
                expected=wrong.expected,
                found=wrong.found,
            )


def waits() -> Iterator[float]:
    """Seconds between attempts while PostgreSQL is away: growing, and bounded."""
    wait = PACE_S / 2
    while True:
        yield wait
        wait = min(wait * 2, LONGEST_WAIT_S)


def run(ledger: Ledger, pause: Callable[[float], None]) -> None:
    """Go round for ever. PostgreSQL going away is said once, and so is its return."""
    waiting: Iterator[float] | None = None
    while True:
        try:
            ledger.round()
        except AWAY as error:
            if waiting is None:
                waiting = waits()
                _log.error("postgres_away", error=type(error.orig).__name__)
            pause(next(waiting))
            continue
        if waiting is not None:
            waiting = None
            _log.warning("postgres_back")
        pause(PACE_S)


def main() -> int:
    try:
        settings = Settings.from_env(os.environ)
    except Misconfigured as error:
        print(f"Error: {error.message}", file=sys.stderr)  # noqa: T201  # before there are logs
        return 1
    configure_logs(settings.log_level, "ledger")
    engine = sync_engine(settings.database_url, pool_size=1)
    try:
        stop_on_sigterm()
        _log.info("started")
        run(Ledger(engine), time.sleep)  # noqa: TID251  # the pace of the loop; a signal interrupts it
    except KeyboardInterrupt:
        _log.info("stopped")
    finally:
        engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
