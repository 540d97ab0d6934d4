"""What Redis and PostgreSQL say is compared over and over; what is wrong is said until it is right."""

import pytest

from core.counters.proof import ADDS_UP, CHECKS
from core.counters.reconcile import Reconciled, Reconciler
from worker.reconcile import EVERY_S, Reconciliation


@pytest.fixture
def watch(engine, counters):
    return Reconciliation(Reconciler(engine, counters))


def test_a_difference_raises_an_alarm_until_it_is_gone_even_of_a_pool_nobody_uses(lease, watch, capsys):
    lease.charged(1000, 300)
    assert watch.round() == EVERY_S
    proved = dict(watch.mismatches_n)
    lease.counters.redis.hincrby(lease.keys.pool, "free", -7)

    watch.round()
    lease.run("UPDATE pools SET used_at = now() - interval '1 hour'")
    watch.round()
    wrong = dict(watch.mismatches_n)
    lease.counters.redis.hincrby(lease.keys.pool, "free", 7)
    watch.round()

    assert proved == watch.mismatches_n == dict.fromkeys(CHECKS, 0)
    assert wrong == {**proved, ADDS_UP: 7}
    out = capsys.readouterr().out
    assert (out.count("books_differ"), out.count(str(lease.key.wallet_id))) == (2, 2)


def test_a_look_that_takes_long_is_taken_less_often():
    class Slow:
        def prove(self, **_):
            return Reconciled()

    times = iter([0.0, 10.0])

    assert Reconciliation(Slow(), clock=lambda: next(times)).round() == 200


def test_the_ledger_process_says_what_is_wrong_in_redis(lease, start):
    lease.charged(1000, 300)
    lease.counters.redis.hincrby(lease.keys.pool, "free", 7)

    line = start("worker.ledger").wait_for("books_differ")

    granted = lease.pool()["granted"]
    assert (line["level"], line["check"]) == ("error", ADDS_UP)
    assert (line["expected"], line["found"], line["subject"]) == (
        granted,
        granted + 7,
        str(lease.key.wallet_id),
    )
