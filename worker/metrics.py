"""What the ledger process tells Prometheus: read from its parts, and from the stores, when it is asked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from sqlalchemy import Engine, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from core.counters.client import Counters
from core.counters.keys import BUCKETS, bucket_keys
from worker.drain import Drain

HOLDS = text("SELECT count(*) FROM holds")
# An old pool is as old as the generation that came after its own.
OLDEST = text(
    """
    SELECT coalesce(max(extract(epoch FROM now() - (
      SELECT min(started_at) FROM generations g WHERE g.gen > pools.gen
    ))), 0) FROM pools WHERE state <> 'closed' AND gen < (SELECT max(gen) FROM generations)
    """
)
# While the latest generation is of no servers, calls are admitted in PostgreSQL, if at all.
VACANT = text(
    """
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - started_at)), 0) FROM generations
    WHERE fingerprint = '' AND gen = (SELECT max(gen) FROM generations)
    """
)


class Sweeps(Protocol):
    swept: int


class Proofs(Protocol):
    mismatches_n: dict[str, int]


@dataclass(frozen=True, slots=True)
class Watched:
    """The parts of a ledger process that have numbers to tell."""

    drain: Drain
    sweeps: Sequence[Sweeps]
    proofs: Sequence[Proofs]


class LedgerCollector(Collector):
    def __init__(self, watched: Watched, engine: Engine, counters: Counters) -> None:
        self._watched = watched
        self._engine = engine
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """All there is to tell. What a store that is away would know is left out."""
        drain, swept = self._watched.drain, sum(part.swept for part in self._watched.sweeps)
        yield CounterMetricFamily("bl_events_booked", "Settlements and returns booked.", drain.booked)
        yield CounterMetricFamily("bl_quarantined", "Events set aside.", drain.quarantined)
        yield CounterMetricFamily("bl_swept", "Calls settled that nobody ended.", swept)
        yield GaugeMetricFamily(
            "bl_drain_lag_seconds", "How long the oldest event that was read waits.", drain.lag_s()
        )
        yield self._mismatches()
        yield from _known("bl_stream_backlog", "Events in the streams.", self._backlog)
        yield from _known("bl_open_holds", "Calls that hold money.", self._open_holds)
        yield from _known(
            "bl_pool_old_age_seconds", "Age of the oldest pool of a Redis that is lost.", self._of(OLDEST)
        )
        yield from _known(
            "bl_without_redis_seconds", "For how long calls have gone on without Redis.", self._of(VACANT)
        )

    def _mismatches(self) -> Metric:
        gauge = GaugeMetricFamily("bl_ledger_mismatch_nano", "By how much sums differ.", labels=["check"])
        for proofs in self._watched.proofs:
            for check, amount_n in proofs.mismatches_n.items():
                gauge.add_metric([check], amount_n)
        return gauge

    def _backlog(self) -> int:
        keys = (bucket_keys(bucket).stream for bucket in range(BUCKETS))
        return sum(map(int, self._counters.ask_all([(key, ("XLEN", key)) for key in keys])))

    def _open_holds(self) -> int:
        keys = (bucket_keys(bucket).deadlines for bucket in range(BUCKETS))
        in_redis = sum(map(int, self._counters.ask_all([(key, ("ZCARD", key)) for key in keys])))
        with self._engine.connect() as connection:
            return int(connection.execute(HOLDS).scalar_one()) + in_redis

    def _of(self, statement: TextClause) -> Callable[[], float]:
        def asked() -> float:
            with self._engine.connect() as connection:
                return float(connection.execute(statement).scalar_one())

        return asked


def _known(name: str, help_text: str, ask: Callable[[], float]) -> Iterator[Metric]:
    try:
        yield GaugeMetricFamily(name, help_text, ask())
    except (SQLAlchemyError, RedisError):
        return


def serve_metrics(collector: Collector, *, host: str, port: int) -> None:
    """Answer Prometheus, in threads of its own. Raises OSError when the port cannot be had."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    start_http_server(port, addr=host, registry=registry)
