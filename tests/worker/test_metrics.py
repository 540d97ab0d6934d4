"""What Prometheus is told."""

import re
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import text

from core.charging import generations
from core.charging.calls import Admitted
from core.charging.holds import admit
from core.charging.proof import CHECKS
from core.counters.client import Counters
from core.counters.proof import ADDS_UP
from core.counters.proof import CHECKS as REDIS_CHECKS
from core.counters.reconcile import Reconciler
from core.db import sync_engine
from core.ids import uuid7
from dev.ports import free_port
from tests.proxy.store.servers import own_server
from worker.leases import LeaseKeeper
from worker.metrics import LedgerCollector, Watched
from worker.proofs import Prover
from worker.reconcile import Reconciliation
from worker.sweeps import Sweeper

SAMPLE = re.compile(r"^(bl_\w+(?:\{.*\})?) (\S+)$", re.MULTILINE)
FROM_STORES = {
    "bl_stream_backlog",
    "bl_open_holds",
    "bl_pool_old_age_seconds",
    "bl_without_redis_seconds",
}


@pytest.fixture
def parts(lease, engine, counters):
    keeper, sweeper = LeaseKeeper(engine, counters, longest_call_s=900), Sweeper(engine)
    proofs = (Prover(engine), Reconciliation(Reconciler(engine, counters)))
    return Watched(lease.drain(), (keeper, sweeper), proofs)


def told(collector):
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return {name: float(value) for name, value in SAMPLE.findall(generate_latest(registry).decode())}


def test_every_number_is_told(lease, engine, counters, parts):
    with engine.begin() as connection:
        generations.vacate(connection)
        assert isinstance(admit(connection, lease.call(1000), boot_id=uuid7(), hold_s=60), Admitted)
    lease.open_generation()
    lease.charged(1000, 300)
    lease.counters.redis.xadd(lease.keys.bucket.stream, {"a": "5"})
    parts.drain.round()
    for silent in (lease.admitted(1000), lease.admitted(1000)):
        lease.silence(silent)
    parts.sweeps[0].sweep()
    lease.admitted(1000)

    numbers = told(LedgerCollector(parts, engine, counters))

    assert numbers == {
        "bl_events_booked_total": 1,
        "bl_quarantined_total": 1,
        "bl_swept_total": 2,
        "bl_stream_backlog": 2,
        "bl_open_holds": 2,
        "bl_drain_lag_seconds": 0,
        "bl_pool_old_age_seconds": 0,
        "bl_without_redis_seconds": 0,
    }


def test_sums_that_differ_are_told_by_check(lease, engine, counters, parts):
    lease.charged(1000, 300)
    lease.counters.redis.hincrby(lease.keys.pool, "free", 7)
    for proofs in parts.proofs:
        proofs.round()

    numbers = told(LedgerCollector(parts, engine, counters))

    found = {name: number for name, number in numbers.items() if "mismatch" in name}
    names = {check: f'bl_ledger_mismatch_nano{{check="{check}"}}' for check in (*CHECKS, *REDIS_CHECKS)}
    assert found == {**dict.fromkeys(names.values(), 0), names[ADDS_UP]: 7}


def test_an_old_pool_is_as_old_as_the_generation_after_it(lease, engine, counters, parts):
    lease.lend(1000)
    lease.open_generation()
    lease.run("UPDATE generations SET started_at = now() - interval '100 s' WHERE gen = :g", g=lease.life.gen)

    age_s = told(LedgerCollector(parts, engine, counters))["bl_pool_old_age_seconds"]

    assert 100 <= age_s < 160


def test_what_a_store_that_is_away_would_know_is_left_out(lease, engine, parts, database_url):
    lease.charged(1000, 300)
    nowhere = sync_engine("postgresql://127.0.0.1:9/nothing")
    with own_server() as server:
        away = Counters(server.url)
        server.kill()

        without_redis = told(LedgerCollector(parts, engine, away))
        without_both = told(LedgerCollector(parts, nowhere, away))

    assert FROM_STORES & set(without_redis) == {"bl_pool_old_age_seconds", "bl_without_redis_seconds"}
    assert FROM_STORES & set(without_both) == set()
    assert without_both["bl_events_booked_total"] == 0


def test_how_long_nobody_has_had_redis_is_told(engine, counters, parts):
    with engine.begin() as connection:
        generations.vacate(connection)
        connection.execute(
            text("UPDATE generations SET started_at = now() - interval '9 s' WHERE fingerprint = ''")
        )

    lasted_s = told(LedgerCollector(parts, engine, counters))["bl_without_redis_seconds"]

    assert 9 <= lasted_s < 60


def test_the_ledger_process_answers_where_it_is_told_to(lease, start, until):
    port = free_port()
    ledger = start("worker.ledger", LEDGER_METRICS_PORT=str(port))
    ledger.wait_for("started")
    lease.charged(1000, 300)

    def booked():
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return "bl_events_booked_total 1.0" in answer.read().decode()

    until(booked)
    assert ledger.stop() == 0


def test_a_port_that_is_taken_is_one_sentence(start):
    port = free_port()
    start("worker.ledger", LEDGER_METRICS_PORT=str(port)).wait_for("started")

    second = start("worker.ledger", LEDGER_METRICS_PORT=str(port))

    assert second.ended() == 1
    assert second.lines == ["Error: LEDGER_METRICS_PORT cannot be opened: Address already in use\n"]
