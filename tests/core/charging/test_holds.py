"""Money is held before a call runs: all of it, once, and never more than there is."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from msgspec import structs

from core.charging.calls import Admitted, Progress, Stale
from core.charging.holds import checkpoint
from core.ids import uuid7
from core.rules.admission import Deny
from core.rules.prices import Cost


def test_an_admitted_call_holds_its_worst_case(desk):
    call = desk.call(300)

    verdict = desk.admit(call)

    assert verdict == Admitted(300)
    assert desk.purse() == (1000, 300)
    desk.settle(call, 0)


def test_a_call_that_does_not_fit_holds_nothing(desk):
    verdict = desk.admit(desk.call(1001))

    assert verdict == Deny("wallet", 1001, 1000, 0)
    assert desk.purse() == (1000, 0)
    assert desk.rows("SELECT * FROM holds") == []


def test_running_calls_hold_their_money_against_new_ones(desk):
    desk.admitted(600)

    assert desk.admit(desk.call(401)) == Deny("wallet", 401, 400, 600)
    assert desk.admit(desk.call(400)) == Admitted(400)


def test_a_slice_and_then_the_rest_are_held_when_money_is_short(desk):
    assert desk.admit(desk.call(2000, slice_n=700, floor_n=10)) == Admitted(700)
    assert desk.admit(desk.call(2000, slice_n=700, floor_n=10)) == Admitted(300)
    assert desk.admit(desk.call(2000, slice_n=700, floor_n=10)) == Deny("wallet", 10, 0, 1000)


def test_the_last_nano_dollar_can_be_spent(desk):
    for charge in (999, 1):
        call = desk.admitted(charge)
        assert desk.settle(call, charge).charge_n == charge

    assert desk.purse() == (0, 0)
    assert isinstance(desk.admit(desk.call(1)), Deny)


def test_a_free_model_runs_on_an_empty_wallet(open_desk):
    desk = open_desk(0)
    call = desk.call(0)

    assert desk.admit(call) == Admitted(0)
    assert desk.settle(call, 0).outcome == "settled"
    assert desk.rows("SELECT * FROM ledger") == []
    assert desk.row("SELECT requests FROM usage_daily").requests == 1


def test_asking_again_for_the_same_call_holds_nothing_more(desk):
    call = desk.call(600)

    verdicts = [desk.admit(call) for _ in range(3)]

    assert verdicts == [Admitted(600)] * 3
    assert desk.purse() == (1000, 600)


def test_the_same_call_asked_for_in_parallel_is_held_once(desk):
    call = desk.call(200)
    start = Barrier(8)

    def ask(_):
        start.wait()
        return desk.admit(call)

    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(ask, range(8)))

    assert verdicts == [Admitted(200)] * 8
    assert desk.purse() == (1000, 200)


@pytest.mark.parametrize("end", ["settle", "sweep"])
def test_a_call_that_ended_is_not_admitted_again(desk, end):
    call = desk.admitted(600)
    if end == "settle":
        desk.settle(call, 100)
    else:
        desk.expire(call)
        desk.sweep(call)
    balance = desk.purse()[0]

    verdict = desk.admit(call)

    assert verdict == Stale()
    assert desk.purse() == (balance, 0)
    assert desk.rows("SELECT * FROM holds") == []


def test_the_request_id_of_another_wallet_is_no_way_in(open_desk):
    mine, theirs = open_desk(1000), open_desk(1000)
    running = theirs.admitted(500)
    call = structs.replace(mine.call(100), request_id=running.request_id)

    assert mine.admit(call) == Stale()
    assert mine.extend(call, 100) == 0
    assert mine.settle(call, 100).outcome == "unknown"
    theirs.expire(running)
    assert mine.sweep(call) is None
    assert (mine.purse(), theirs.purse()) == ((1000, 0), (1000, 500))
    theirs.settle(running, 10)
    assert mine.settle(call, 100).outcome == "unknown"


@pytest.mark.parametrize("table", ["wallets", "api_keys"])
def test_a_grant_that_was_read_before_a_change_is_stale(desk, table):
    call = desk.call(100)
    desk.run(f"UPDATE {table} SET ver = ver + 1")

    assert desk.admit(call) == Stale()
    assert desk.admit(desk.call(100)) == Admitted(100)


def test_a_key_draws_on_its_own_wallet_only(open_desk):
    mine, theirs = open_desk(1000), open_desk(1000)

    verdict = mine.admit(mine.call(100, wallet_id=theirs.wallet_id))

    assert verdict == Stale()
    assert theirs.purse() == (1000, 0)


def test_a_key_limit_counts_what_was_spent_and_what_is_held(open_desk):
    desk = open_desk(10_000, spend_limit_n=1000, period="month")
    desk.settle(desk.admitted(400), 300)
    running = desk.admitted(500)

    verdict = desk.admit(desk.call(201))

    assert (verdict.scope, verdict.needed_n, verdict.available_n, verdict.held_n) == ("key", 201, 200, 500)
    assert verdict.limit_n == 1000
    now = datetime.now(UTC)
    assert verdict.resets_at == (
        now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)
    ).replace(day=1)
    assert desk.admit(desk.call(200)) == Admitted(200)
    desk.settle(running, 500)


def test_another_key_of_the_wallet_is_not_limited(open_desk, make):
    desk = open_desk(10_000, spend_limit_n=100)
    from core.models import User

    free = make.key(make.db.get(User, desk.user_id))

    assert isinstance(desk.admit(desk.call(101)), Deny)
    assert desk.admit(desk.call(101, key_id=free.id)) == Admitted(101)


@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_a_key_limit_begins_anew_with_its_period(open_desk, period):
    desk = open_desk(10_000, spend_limit_n=1000, period=period)
    lately = datetime.now(UTC) - timedelta(days=31)  # its partition is there
    old = {"started_at": lately, "request_id": uuid7(int(lately.timestamp() * 1000))}
    desk.settle(desk.admitted(600, **old), 600)
    old["request_id"] = uuid7(int(lately.timestamp() * 1000))
    running = desk.admitted(400, **old)

    assert desk.admit(desk.call(1000)) == Admitted(1000)
    assert isinstance(desk.admit(desk.call(1)), Deny)

    # the old call's period is full, though its money would be there: only its hold is taken
    assert desk.settle(running, 500).charge_n == 400


def test_an_extension_is_what_there_is(desk):
    call = desk.admitted(600)

    assert desk.extend(call, 300) == 300
    assert desk.extend(call, 300) == 100
    assert desk.extend(call, 300) == 0
    assert desk.purse() == (1000, 1000)
    assert desk.settle(call, 1000).charge_n == 1000


def test_an_extension_stays_within_the_key_limit(open_desk):
    desk = open_desk(10_000, spend_limit_n=1000)
    call = desk.admitted(600)

    assert desk.extend(call, 5000) == 400
    assert desk.extend(call, 1) == 0


def test_what_ended_or_never_was_is_not_extended(desk):
    call = desk.admitted(100)
    desk.settle(call, 50)

    assert desk.extend(call, 100) == 0
    assert desk.extend(desk.call(100), 100) == 0
    assert desk.extend(structs.replace(call, caller=replace(call.caller, key_id=uuid4())), 100) == 0
    assert desk.purse() == (950, 0)


def test_a_checkpoint_only_grows_and_moves_the_deadline(desk):
    call = desk.admitted(500)
    desk.expire(call)
    for charge, tokens in ((100, 10), (50, 5)):
        desk.checkpoint(call, charge, tokens=tokens)

    row = desk.row(
        "SELECT metered_n, metered_upstream_n, metered_tokens, deadline_at > clock_timestamp() AS alive FROM holds"
    )

    assert tuple(row) == (100, 100, 10, True)


def test_checkpoints_of_many_calls_go_together_and_forget_ended_ones(desk):
    calls = [desk.admitted(10) for _ in range(5)]
    desk.settle(calls[0], 0)

    with desk.engine.begin() as connection:
        checkpoint(connection, [Progress(c.request_id, 1, Cost(2, 3)) for c in reversed(calls)], hold_s=60)
        checkpoint(connection, [], hold_s=60)

    assert [tuple(r) for r in desk.rows("SELECT metered_upstream_n, metered_n FROM holds")] == [(2, 3)] * 4


def test_of_two_hundred_calls_at_once_exactly_ten_fit(desk):
    calls = [desk.call(100) for _ in range(200)]
    start = Barrier(16)

    def ask(mine):
        start.wait()
        return [desk.admit(call) for call in mine]

    with ThreadPoolExecutor(16) as pool:
        verdicts = [v for some in pool.map(ask, [calls[i::16] for i in range(16)]) for v in some]

    assert verdicts.count(Admitted(100)) == 10
    assert sum(isinstance(v, Deny) for v in verdicts) == 190
    assert desk.purse() == (1000, 1000)


def test_extensions_at_once_share_what_there_is(desk):
    calls = [desk.admitted(50) for _ in range(8)]
    start = Barrier(8)

    def ask(call):
        start.wait()
        return sum(desk.extend(call, 7) for _ in range(20))

    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(ask, calls))

    assert sum(added) == 600
    assert desk.purse() == (1000, 1000)


def test_a_key_limit_holds_against_calls_at_once(open_desk):
    desk = open_desk(10**9, spend_limit_n=500)
    calls = [desk.call(100) for _ in range(32)]
    start = Barrier(8)

    def run(mine):
        start.wait()
        return sum(desk.settle(c, 100).charge_n for c in mine if isinstance(desk.admit(c), Admitted))

    with ThreadPoolExecutor(8) as pool:
        charged = sum(pool.map(run, [calls[i::8] for i in range(8)]))

    assert charged == 500


def test_an_admitted_call_is_told_so_again_though_its_wallet_has_changed(desk):
    call = desk.call(1000)
    desk.admit(call)
    desk.grant(1)  # a new version: the reply was lost, the call was not

    assert desk.admit(call) == Admitted(1000)
