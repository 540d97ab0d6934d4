"""The ledger process: what it does goes on whatever goes away, and ends when it is told to."""

from itertools import count
from threading import Event

import pytest
from redis.exceptions import ConnectionError as Unreachable
from sqlalchemy import create_engine, select, text
from sqlalchemy.engine import make_url

from core.counters.client import Counters
from core.models import Wallet
from tests.proxy.store.servers import own_cluster, own_server
from worker.ledger import LONGEST_WAIT_S, Duties, Duty, run, run_all, waits

TEN_USD = 10_000_000_000
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def lock_waited_for(engine):
    with engine.connect() as connection:  # a transaction sees one state of the activity only
        return connection.scalar(text(WAITING))


def test_it_books_sweeps_and_keeps_leases(lease, start, until):
    lease.charged(1000, 300)
    silent = lease.admitted(1000)
    lease.checkpoint(silent, 200)
    lease.silence(silent)

    ledger = start("worker.ledger")

    assert ledger.wait_for("call_swept")["charge_n"] == 200
    until(lambda: lease.wallet().balance_n == TEN_USD - 500)


def test_it_works_with_a_cluster(open_lease, start, until):
    with own_cluster() as nodes:
        counters = Counters(nodes[0].url)
        desks = [open_lease(on=counters) for _ in range(4)]
        ledger = start("worker.ledger", COUNTERS_URL=nodes[1].url)
        for desk in desks:
            desk.charged(1000, 300)
            desk.silence(desk.admitted(1000))

        ledger.wait_for("call_swept", count=4)
        until(lambda: [desk.wallet().balance_n for desk in desks] == [TEN_USD - 300] * 4)
        until(lambda: [desk.stream() for desk in desks] == [[]] * 4)
        assert ledger.stop() == 0
        counters.close()


def test_two_at_once_book_and_sweep_every_call_once(lease, start, until):
    silent = [lease.admitted(1000) for _ in range(20)]
    for call in silent:
        lease.checkpoint(call, 10)

    both = [start("worker.ledger"), start("worker.ledger")]
    for ledger in both:
        ledger.wait_for("started")
    for call in silent:
        lease.silence(call)
        lease.charged(1000, 5)
    until(lambda: len(lease.usage()) == 40)
    for ledger in both:
        ledger.stop()

    swept = [line["request_id"] for ledger in both for line in ledger.events("call_swept")]
    assert sorted(swept) == sorted(call.request_id.hex for call in silent)
    assert lease.wallet().balance_n == TEN_USD - 300
    assert lease.differences() == []


def test_postgres_going_away_and_coming_back_is_survived(postgres_url, lease, start, until):
    ledger = start("worker.ledger")
    ledger.wait_for("started")
    name = make_url(str(lease.engine.url)).database
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": name},
        )
        ledger.wait_for("away")
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    admin.dispose()
    lease.engine.dispose()
    lease.charged(1000, 300)

    until(lambda: lease.wallet().balance_n == TEN_USD - 300, timeout_s=40)

    away = [line["work"] for line in ledger.events("away")]
    assert len(away) == len(set(away))  # said once by each
    assert ledger.process.poll() is None


def test_redis_going_away_and_coming_back_is_survived(start, until):
    with own_server() as server:
        ledger = start("worker.ledger", COUNTERS_URL=server.url)
        ledger.wait_for("trimmed")

        def works(event):
            return [line["work"] for line in ledger.events(event)]

        server.kill()
        until(lambda: {"drain", "leases"} <= set(works("away")))  # what needs PostgreSQL alone goes on
        server.start()
        until(lambda: {"drain", "leases"} <= set(works("back")), timeout_s=40)

        away = works("away")
        assert set(away) <= {"drain", "leases", "reconciliation"}
        assert len(away) == len(set(away))  # said once by each
        assert ledger.process.poll() is None


def test_it_starts_without_redis(start):
    ledger = start("worker.ledger", COUNTERS_URL="redis://127.0.0.1:9/0")

    ledger.wait_for("away", count=3)

    assert ledger.stop() == 0


def test_sigterm_ends_it_idle_or_waiting_for_a_lock(engine, lease, start, until):
    idle = start("worker.ledger")
    idle.wait_for("started")
    assert idle.stop() == 0

    lease.charged(1000, 300)
    with engine.begin() as connection:
        connection.execute(select(Wallet.id).with_for_update())
        waiting = start("worker.ledger")
        until(lambda: lock_waited_for(engine))
        assert waiting.stop() == 0  # the lock is held all the while
    lease.book()

    assert lease.wallet().balance_n == TEN_USD - 300


def test_a_missing_setting_is_one_sentence(start):
    ledger = start("worker.ledger", DATABASE_URL="")

    assert ledger.ended() == 1
    assert ledger.lines == ["Error: DATABASE_URL is not set; docs/settings.md says what it holds\n"]


def test_waits_grow_and_are_bounded():
    found = waits()

    first = [next(found) for _ in range(9)]

    assert first[:6] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]
    assert first[6:] == [LONGEST_WAIT_S] * 3


def test_duties_are_done_when_they_are_due():
    now, done = [0.0], []
    duties = Duties(
        Duty(lambda: done.append("often"), every_s=1),
        Duty(lambda: done.append("seldom"), every_s=3),
        clock=lambda: now[0],
    )

    waited = [duties.round()]
    for now[0] in (0.5, 1.0, 2.5, 3.0):
        waited.append(duties.round())

    assert done == ["often", "seldom", "often", "often", "seldom"]
    assert waited == [1.0, 0.5, 1.0, 0.5, 0.5]


def test_a_duty_that_fails_keeps_no_other_and_stays_due_until_it_succeeds():
    now, done, is_away = [0.0], [], [True]

    def fails():
        done.append("asked")
        if is_away[0]:
            raise Unreachable

    duties = Duties(
        Duty(fails, every_s=5), Duty(lambda: done.append("works"), every_s=1), clock=lambda: now[0]
    )

    for now[0] in (0.0, 0.1):
        with pytest.raises(Unreachable):
            duties.round()
    is_away[0] = False
    for now[0] in (0.2, 0.3):
        duties.round()

    assert done == ["asked", "works", "asked", "asked"]


class Over(Exception):
    """Ends a loop."""


def test_a_part_that_is_away_is_said_once_and_asked_less_and_less(capsys):
    tries, paused = count(), []

    def work():
        number = next(tries)
        if 1 <= number <= 3:
            raise Unreachable
        if number == 5:
            raise Over
        return 0.125

    with pytest.raises(Over):
        run(work, paused.append, name="something")

    out = capsys.readouterr().out
    assert (out.count("away"), out.count("back")) == (1, 1)
    assert paused == [0.125, 0.25, 0.5, 1.0, 0.125]


def test_a_loop_that_fails_ends_all():
    over = Event()

    def fails():
        raise Over

    def pause(_wait_s):
        over.wait(30)
        raise SystemExit

    with pytest.raises(Over):
        run_all({"works": lambda: 0.01, "fails": fails}, pause)
    over.set()
