"""A call nobody hears of any more is settled at what it had produced; its late settlement has the last word."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from core.charging.calls import Settled
from core.charging.settlement import due_holds
from core.rules.prices import Usage


def test_an_overdue_call_is_swept_at_what_it_was_known_to_have_produced(desk):
    call = desk.admitted(300)
    desk.checkpoint(call, 120, tokens=9)
    desk.expire(call)

    assert desk.sweep(call) == Settled("settled", 120)

    assert desk.purse() == (880, 0)
    usage = desk.usage(call)
    assert (usage.rank, usage.status, usage.reason, usage.estimated) == (1, 500, "orphaned", True)
    assert (usage.output_tokens, usage.charge_n, usage.upstream_n) == (9, 120, 120)
    assert desk.booked(call) == [("usage", -120)]
    assert usage.duration_ms >= 0


def test_a_sweep_takes_no_more_than_was_held(desk):
    call = desk.admitted(300)
    desk.checkpoint(call, 500)
    desk.expire(call)

    assert desk.sweep(call).charge_n == 300


def test_a_call_that_was_heard_of_is_not_swept(desk):
    call = desk.admitted(300)
    assert desk.sweep(call) is None
    desk.expire(call)
    desk.checkpoint(call, 10)

    assert desk.sweep(call) is None
    assert desk.purse() == (1000, 300)


def test_a_sweep_after_the_settlement_does_nothing(desk):
    call = desk.admitted(300)
    desk.expire(call)
    desk.settle(call, 120)

    assert desk.sweep(call) is None
    assert desk.purse() == (880, 0)


def test_sweeping_twice_does_nothing_more(desk):
    call = desk.admitted(300)
    desk.checkpoint(call, 50)
    desk.expire(call)
    desk.sweep(call)

    assert desk.sweep(call) is None
    assert desk.purse() == (950, 0)


@pytest.mark.parametrize(
    ("guess", "final", "adjustment"),
    [
        (100, 250, [("adjustment", -150)]),
        (200, 50, [("adjustment", 150)]),
        (100, 100, []),
        (100, 0, [("adjustment", 100)]),
    ],
)
def test_a_late_settlement_replaces_the_guess_by_the_difference(desk, guess, final, adjustment):
    call = desk.admitted(300)
    desk.checkpoint(call, guess)
    desk.expire(call)
    desk.sweep(call)

    settled = desk.settle(call, final)

    assert settled == Settled("adjusted", final)
    assert desk.purse() == (1000 - final, 0)
    assert desk.booked(call) == [("usage", -guess), *adjustment]
    assert (desk.usage(call).rank, desk.usage(call).charge_n, desk.usage(call).reason) == (2, final, "done")
    assert desk.daily() == [(1, 10, 20, final, final)]
    assert desk.settle(call, 299) == Settled("already", final)


def test_a_guess_of_nothing_may_become_a_charge(desk):
    call = desk.admitted(300)
    desk.expire(call)
    assert desk.sweep(call).charge_n == 0
    assert desk.daily() == []

    desk.settle(call, 40)

    assert desk.booked(call) == [("adjustment", -40)]
    assert desk.daily() == [(1, 10, 20, 40, 40)]


def test_a_guess_may_become_nothing(desk):
    call = desk.admitted(300)
    desk.checkpoint(call, 80)
    desk.expire(call)
    desk.sweep(call)

    desk.settle(call, 0, status=502, reason="upstream_failed", usage=Usage())

    assert desk.purse() == (1000, 0)
    assert desk.daily() == [(0, 0, 0, 0, 0)]


def test_a_late_settlement_takes_only_what_is_still_there(desk):
    call = desk.admitted(900)
    desk.expire(call)
    desk.sweep(call)
    others = desk.admitted(950)

    settled = desk.settle(call, 900)

    assert settled == Settled("adjusted", 50)
    assert desk.purse() == (950, 950)
    assert desk.settle(others, 950).charge_n == 950


@pytest.mark.parametrize("rounds", range(3))
def test_a_sweep_that_races_a_settlement_never_pays_twice(open_desk, rounds):
    desk = open_desk(100_000)
    calls = [desk.admitted(300) for _ in range(12)]
    for call in calls:
        desk.checkpoint(call, 200)
        desk.expire(call)
    start = Barrier(2)

    def run(act):
        outcomes = []
        for call in calls:
            start.wait()
            outcomes.append(act(call))
        return outcomes

    with ThreadPoolExecutor(2) as pool:
        swept = pool.submit(run, desk.sweep)
        settled = pool.submit(run, lambda call: desk.settle(call, 100))

    for sweep_says, settle_says in zip(swept.result(), settled.result(), strict=True):
        assert settle_says.charge_n == 100
        assert settle_says.outcome == ("settled" if sweep_says is None else "adjusted")
    assert desk.purse() == (100_000 - 1200, 0)


def test_overdue_calls_are_found_the_longest_waiting_first(desk):
    calls = [desk.admitted(10) for _ in range(4)]
    for seconds, call in ((30, calls[2]), (20, calls[0]), (10, calls[3])):
        desk.run(
            "UPDATE holds SET deadline_at = clock_timestamp() - make_interval(secs => :s) WHERE request_id = :r",
            s=seconds,
            r=call.request_id,
        )

    with desk.engine.connect() as connection:
        due = due_holds(connection)
        first = due_holds(connection, limit=1)

    assert [tuple(row) for row in due] == [(calls[i].request_id, desk.wallet_id) for i in (2, 0, 3)]
    assert first == due[:1]
