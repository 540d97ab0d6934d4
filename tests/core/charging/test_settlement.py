"""A call is paid once, at its true price, whatever dies, repeats or comes late; and nobody overspends."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from core.charging.booking import counts
from core.charging.calls import Admitted, Settled
from core.charging.holds import admit
from core.charging.settlement import due_holds, settle
from core.db import async_engine
from core.rules.prices import Cost, Usage
from tests.core.charging.conftest import ending


def booked(desk, call):
    """The ledger rows of a call."""
    rows = desk.rows("SELECT kind, amount_n FROM ledger WHERE ref = :r ORDER BY id", r=str(call.request_id))
    return [tuple(row) for row in rows]


def daily(desk):
    row = desk.rows("SELECT requests, input_tokens, output_tokens, charge_n, upstream_n FROM usage_daily")
    return [tuple(r) for r in row]


def test_a_settled_call_has_its_usage_its_sum_and_its_ledger_row(desk):
    call = desk.admitted(300, app_name="my app", app_url="https://app.example", stream=True)

    settled = desk.settle(call, 120, first_byte_ms=7)

    assert settled == Settled("settled", 120)
    assert desk.purse() == (880, 0)
    assert booked(desk, call) == [("usage", -120)]
    assert daily(desk) == [(1, 10, 20, 120, 120)]
    usage = desk.usage(call)
    assert (usage.rank, usage.wallet_id, usage.user_id, usage.key_id) == (
        2,
        desk.wallet_id,
        desk.user_id,
        desk.key_id,
    )
    assert (usage.model_id, usage.provider, usage.status, usage.reason) == ("acme/tiny", "acme", 200, "done")
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens) == (
        10,
        3,
        20,
        4,
    )
    assert (usage.app_name, usage.app_url, usage.stream) == ("my app", "https://app.example", True)
    assert (usage.price_card_id, usage.first_byte_ms, usage.duration_ms) == (desk.card_id, 7, 1234)
    assert (usage.estimated, usage.disputed, usage.finish_reason) == (False, False, "stop")


def test_settling_again_changes_nothing_not_even_with_another_price(desk):
    call = desk.admitted(300)
    desk.settle(call, 120)

    again = [desk.settle(call, charge) for charge in (120, 300, 0)]

    assert again == [Settled("already", 120)] * 3
    assert desk.purse() == (880, 0)
    assert booked(desk, call) == [("usage", -120)]


def test_settling_in_parallel_pays_once(desk):
    call = desk.admitted(300)
    start = Barrier(8)

    def end(charge):
        start.wait()
        return desk.settle(call, charge)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(end, range(100, 108)))

    assert sorted(o.outcome for o in outcomes) == ["already"] * 7 + ["settled"]
    assert len({o.charge_n for o in outcomes}) == 1
    assert desk.purse() == (1000 - outcomes[0].charge_n, 0)


def test_a_call_that_failed_gives_its_hold_back_and_is_recorded(desk):
    call = desk.admitted(300)

    desk.settle(call, 0, status=502, reason="upstream_failed", usage=Usage())

    assert desk.purse() == (1000, 0)
    assert booked(desk, call) == []
    assert daily(desk) == []
    assert (desk.usage(call).status, desk.usage(call).reason) == (502, "upstream_failed")


def test_what_was_never_admitted_is_not_settled(desk):
    assert desk.settle(desk.call(100), 50) == Settled("unknown", 0)
    assert desk.purse() == (1000, 0)


def test_a_charge_above_its_hold_is_taken_from_what_is_free(desk):
    call = desk.admitted(300)

    assert desk.settle(call, 450).charge_n == 450
    assert desk.purse() == (550, 0)


def test_a_charge_above_its_hold_leaves_alone_what_others_hold(desk):
    call, other = desk.admitted(300), desk.admitted(600)

    settled = desk.settle(call, 900)

    assert settled.charge_n == 400
    assert desk.purse() == (600, 600)
    assert desk.usage(call).upstream_n == 900  # what the provider bills stays in sight
    assert desk.settle(other, 600).charge_n == 600
    assert desk.purse() == (0, 0)


def test_a_charge_above_its_hold_stays_within_the_key_limit(open_desk):
    desk = open_desk(10_000, spend_limit_n=1000)
    call, other = desk.admitted(300), desk.admitted(500)

    assert desk.settle(call, 5000).charge_n == 500
    assert desk.settle(other, 5000).charge_n == 500


def test_an_overdue_call_is_swept_at_what_it_was_known_to_have_produced(desk):
    call = desk.admitted(300)
    desk.checkpoint(call, 120, tokens=9)
    desk.expire(call)

    assert desk.sweep(call) == Settled("settled", 120)

    assert desk.purse() == (880, 0)
    usage = desk.usage(call)
    assert (usage.rank, usage.status, usage.reason, usage.estimated) == (1, 500, "orphaned", True)
    assert (usage.output_tokens, usage.charge_n, usage.upstream_n) == (9, 120, 120)
    assert booked(desk, call) == [("usage", -120)]
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
    assert booked(desk, call) == [("usage", -guess), *adjustment]
    assert (desk.usage(call).rank, desk.usage(call).charge_n, desk.usage(call).reason) == (2, final, "done")
    assert daily(desk) == [(1, 10, 20, final, final)]
    assert desk.settle(call, 299) == Settled("already", final)


def test_a_guess_of_nothing_may_become_a_charge(desk):
    call = desk.admitted(300)
    desk.expire(call)
    assert desk.sweep(call).charge_n == 0
    assert daily(desk) == []

    desk.settle(call, 40)

    assert booked(desk, call) == [("adjustment", -40)]
    assert daily(desk) == [(1, 10, 20, 40, 40)]


def test_a_guess_may_become_nothing(desk):
    call = desk.admitted(300)
    desk.checkpoint(call, 80)
    desk.expire(call)
    desk.sweep(call)

    desk.settle(call, 0, status=502, reason="upstream_failed", usage=Usage())

    assert desk.purse() == (1000, 0)
    assert daily(desk) == [(0, 0, 0, 0, 0)]


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


def test_a_failed_settlement_leaves_everything_as_it_was(desk):
    call = desk.admitted(300)

    def settle_and_die():
        with desk.engine.begin() as connection:
            settle(connection, call, ending(100))
            raise RuntimeError("the process dies before it commits")

    with pytest.raises(RuntimeError):
        settle_and_die()

    assert desk.purse() == (1000, 300)
    assert booked(desk, call) == []
    assert desk.settle(call, 100).outcome == "settled"


async def test_the_same_functions_run_on_asynchronous_connections(desk, database_url):
    engine = async_engine(database_url)
    call = desk.call(300)

    async with engine.begin() as connection:
        admitted = await connection.run_sync(lambda c: admit(c, call, boot_id=desk.boot_id, hold_s=60))
    async with engine.begin() as connection:
        settled = await connection.run_sync(lambda c: settle(c, call, ending(7)))
    await engine.dispose()

    assert (admitted, settled) == (Admitted(300), Settled("settled", 7))


def test_a_mixed_crowd_of_calls_leaves_right_books(open_desk):
    desks = [open_desk(5000, spend_limit_n=limit) for limit in (None, 3000)]
    seed = random.randrange(2**32)  # from the seed of the run, which is in its first lines

    def live(number):
        chance = random.Random(seed + number)
        for _ in range(15):
            desk = chance.choice(desks)
            call = desk.call(chance.randrange(1, 900), slice_n=100, floor_n=1)
            if not isinstance(desk.admit(call), Admitted):
                continue
            desk.extend(call, chance.randrange(300))
            desk.checkpoint(call, chance.randrange(500))
            if chance.random() < 0.4:
                desk.expire(call)
                desk.sweep(call)
            if chance.random() < 0.8:
                desk.settle(call, chance.randrange(1500))
            for balance, held in (one.purse() for one in desks):
                assert balance >= held >= 0

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(live, range(6)))

    assert all(desk.purse()[0] >= 0 for desk in desks)
    assert desks[0].differences() == []
    spent = desks[1].row(
        "SELECT coalesce(sum(charge_n), 0) FROM usage_daily WHERE key_id = :k", k=desks[1].key_id
    )[0]
    assert spent <= 3000


@pytest.mark.parametrize(
    ("charge_n", "status", "counted"),
    [(0, 200, True), (1, 500, True), (0, 400, False), (0, 502, False), (5, 200, True)],
)
def test_what_was_answered_or_cost_something_counts(charge_n, status, counted):
    assert counts({"charge_n": charge_n, "status": status}) is counted


def test_upstream_cost_and_charge_are_kept_apart(desk):
    call = desk.admitted(300)

    desk.settle(call, 0, cost=Cost(upstream_n=100, charge_n=110))

    assert (desk.usage(call).upstream_n, desk.usage(call).charge_n) == (100, 110)
    assert daily(desk) == [(1, 10, 20, 110, 100)]
