"""Settling calls that hold money in PostgreSQL and that nobody has heard of past their deadline."""

from uuid import UUID

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError

from core.charging.settlement import due_holds, sweep

PACE_S = 1.0
BATCH = 100
_log = structlog.get_logger()


class Sweeper:
    """Each call is settled in a transaction of its own, under its wallet's lock."""

    def __init__(self, engine: Engine, *, batch: int = BATCH) -> None:
        self.swept = 0
        self._engine = engine
        self._batch = batch
        self._stuck: set[UUID] = set()  # calls that cannot be settled, and were reported

    def round(self) -> float:
        """Settle what is due. Returns how long to wait. Raises what SQLAlchemy raises."""
        while self.sweep_batch() >= self._batch:
            pass
        return PACE_S

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
        except (
            DataError,
            IntegrityError,
        ) as error:  # one row that cannot be written must not keep the others
            if request_id not in self._stuck:
                self._stuck.add(request_id)
                _log.error(
                    "call_stuck", request_id=request_id, wallet_id=wallet_id, error=type(error.orig).__name__
                )
            return
        self._stuck.discard(request_id)
        if settled is not None:
            self.swept += 1
            _log.warning("call_swept", request_id=request_id, wallet_id=wallet_id, charge_n=settled.charge_n)
