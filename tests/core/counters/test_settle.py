"""The end of a call: its hold goes, its charge stays, one event tells PostgreSQL; once, however often it is told."""

from dataclasses import replace

import pytest
from redis.exceptions import ResponseError

from core.counters import requests
from tests.core.counters.desk import (
    BUCKET,
    DAY,
    DAY_MS,
    FIRST,
    FULL,
    GEN,
    KEY,
    KEY_LIMIT,
    LIMIT,
    MEMBER,
    MONEY,
    NOW_MS,
    PLAIN,
    POINTS,
    REQUESTS,
    TEAM_BUDGET,
    TOKENS,
    TTL_MS,
)

NEXT = "4:1"  # another generation


def spent(charge, *, tokens, points, number=1):
    """The counters of one call that ended."""
    days = {
        f"{name}@{span}:s": charge
        for name in (f"k:{KEY.hex}", f"m:{MEMBER.hex}", TEAM_BUDGET.name)
        for span in (f"d{DAY}", f"m{FIRST}")
    }
    quotas = {TOKENS.name: tokens, POINTS.name: points, MONEY.name: charge, REQUESTS.name: number}
    return {
        name: amount
        for name, amount in {**days, **{f"{name}:s": n for name, n in quotas.items()}}.items()
        if amount
    }


def test_a_settled_call_leaves_its_charge_an_event_and_a_tombstone(desk):
    desk.load(FULL)
    desk.grant(100)
    call = desk.admitted(FULL, full=50, tokens=9, points=2)

    assert desk.settle(call, 30, tokens=7, points=1, upstream_n=20) == ["OK", "30"]

    assert desk.pool() == {"free": 70, "held": 0, "spent": 30, "granted": 100, "returned": 0}
    assert desk.counters() == spent(30, tokens=7, points=1)
    assert desk.events() == [
        {"r": call.request_id.hex, "w": desk.keys.id.decode(), "g": GEN, "k": "2", "a": "30", "e": '{"a":1}', "f": '{"b":2}'}
    ]  # fmt: skip
    assert not desk.redis.exists(desk.keys.bucket.hold(call.request_id))
    assert not desk.redis.exists(desk.keys.bucket.deadlines)
    assert desk.hash(desk.keys.counters)[f"n:{KEY.hex}"] == "0"
    assert desk.hash(desk.keys.bucket.tombstones)[call.request_id.hex].startswith(f"30#2#{GEN}#")


@pytest.mark.parametrize("charge", [0, 50])
def test_a_call_may_cost_nothing_or_all_it_holds(charge, desk):
    desk.load(FULL)
    desk.grant(100)
    call = desk.admitted(FULL, full=50)

    assert desk.settle(call, charge) == ["OK", str(charge)]

    assert desk.pool() == {"free": 100 - charge, "held": 0, "spent": charge, "granted": 100, "returned": 0}
    assert desk.counters() == spent(charge, tokens=0, points=0)


def test_a_settlement_told_again_changes_nothing(desk):
    desk.load(FULL)
    desk.grant(100)
    call = desk.admitted(FULL, full=50)
    desk.settle(call, 30)
    before = desk.everything()

    assert desk.settle(call, 30) == ["DUP", "30"]
    assert desk.settle(call, 31) == ["DUP", "30"]
    assert desk.sweep(call) == ["DUP", "30"]

    assert desk.everything() == before


def test_a_charge_belongs_to_the_day_and_the_month_of_its_admission(desk):
    desk.load(FULL)
    desk.grant(100)
    call = desk.admitted(FULL, full=50)
    desk.wait(30 * DAY_MS)

    desk.settle(call, 30)

    assert desk.counters() == spent(30, tokens=0, points=0)


# ---- above the hold


@pytest.mark.parametrize(("charge", "taken"), [(51, 51), (150, 150), (151, 150), (2**52, 150)])
def test_a_charge_above_its_hold_takes_only_what_nobody_holds(charge, taken, desk):
    desk.load(PLAIN)
    desk.grant(200)
    desk.admitted(full=50)
    call = desk.admitted(full=50)

    assert desk.settle(call, charge) == ["OK", str(taken)]

    assert desk.pool() == {"free": 150 - taken, "held": 50, "spent": taken, "granted": 200, "returned": 0}
    assert desk.events()[0]["a"] == str(taken)


@pytest.mark.parametrize("one", [KEY_LIMIT, TEAM_BUDGET, MONEY], ids=lambda one: one.scope)
def test_a_charge_above_its_hold_passes_no_limit(one, desk):
    desk.load(FULL, {one: LIMIT - 70})
    desk.grant(1000)
    call = desk.admitted(FULL, full=50)

    assert desk.settle(call, 100) == ["OK", "70"]


def test_a_charge_above_its_hold_leaves_other_calls_of_the_key_their_holds(desk):
    desk.load(FULL, {KEY_LIMIT: LIMIT - 70})
    desk.grant(1000)
    call = desk.admitted(FULL, full=40)
    desk.admitted(FULL, full=20)

    assert desk.settle(call, 100) == ["OK", "50"]


def test_a_week_s_limit_counts_what_was_used_on_later_days(desk):
    limit = replace(KEY_LIMIT, period="week")
    caller = replace(PLAIN, subjects=(limit,))
    desk.load(caller)
    desk.grant(2000)
    call = desk.admitted(caller, full=10)
    desk.wait(DAY_MS)
    desk.grant(0, seq=0)
    desk.admitted(caller, full=900)

    assert desk.settle(call, 500) == ["OK", "100"]


# ---- sweeping


def test_a_call_nobody_hears_of_is_settled_at_what_it_had_produced(desk):
    desk.load(FULL)
    desk.grant(100)
    call = desk.admitted(FULL, full=50, tokens=9, points=2)
    desk.checkpoint(call, charge=30, upstream=20, tokens=7)
    desk.wait(TTL_MS)

    assert desk.sweep(call) == ["OK", "30"]

    assert desk.pool() == {"free": 70, "held": 0, "spent": 30, "granted": 100, "returned": 0}
    assert desk.counters() == spent(30, tokens=7, points=0)
    event = desk.events()[0]
    assert (event["k"], event["a"], event["f"]) == ("1", "30", f"20|7|{TTL_MS}")
    assert '"model_id":"acme/tiny"' in event["e"]


def test_a_call_that_produced_nothing_is_swept_at_nothing(desk):
    desk.load()
    desk.grant(100)
    call = desk.admitted(full=50)
    desk.wait(TTL_MS)

    assert desk.sweep(call) == ["OK", "0"]
    assert desk.pool() == {"free": 100, "held": 0, "spent": 0, "granted": 100, "returned": 0}


def test_a_sweep_charges_no_more_than_is_held(desk):
    desk.load()
    desk.grant(100)
    call = desk.admitted(full=50)
    desk.checkpoint(call, charge=60)
    desk.wait(TTL_MS)

    assert desk.sweep(call) == ["OK", "50"]


def test_a_call_that_is_heard_of_is_not_swept(desk):
    desk.load()
    desk.grant(100)
    call = desk.admitted(full=50)
    desk.wait(TTL_MS - 1)
    before = desk.everything()

    assert desk.sweep(call) == ["HEARD"]

    assert desk.everything() == before


def test_a_sweeper_invents_no_settlement(desk):
    desk.load()
    desk.grant(100)

    assert desk.sweep(desk.call()) == ["GONE"]
    assert desk.events() == []


def test_what_is_due_without_a_hold_is_due_no_more(desk):
    call = desk.call()
    desk.redis.zadd(desk.keys.bucket.deadlines, {f"{call.wallet_id.hex}|{call.request_id.hex}": 1})

    assert desk.sweep(call) == ["GONE"]
    assert not desk.redis.exists(desk.keys.bucket.deadlines)


@pytest.mark.parametrize(("limit", "found"), [(1, 1), (5, 2)])
def test_what_is_due_is_found_the_oldest_first(limit, found, desk):
    desk.load()
    desk.grant(100)
    calls = []
    for _ in range(3):
        calls.append(desk.admitted())
        desk.wait(1)
    desk.at(NOW_MS + TTL_MS + 1)

    request = requests.due(BUCKET, limit=limit)
    due = desk.run(request)

    assert due == [f"{call.wallet_id.hex}|{call.request_id.hex}" for call in calls[:found]]


# ---- the truth after the sweep


@pytest.mark.parametrize(("charge", "taken"), [(0, 0), (29, 29), (30, 30), (31, 31), (100, 100), (101, 100)])
def test_a_late_end_replaces_the_sweep_by_the_difference(charge, taken, desk):
    desk.load(FULL)
    desk.grant(100)
    call = desk.admitted(FULL, full=50, tokens=9, points=2)
    desk.checkpoint(call, charge=30, tokens=7)
    desk.wait(TTL_MS)
    desk.sweep(call)

    assert desk.settle(call, charge, tokens=8, points=2, hold=50) == ["ADJUST", str(taken)]

    assert desk.pool() == {"free": 100 - taken, "held": 0, "spent": taken, "granted": 100, "returned": 0}
    assert desk.counters() == spent(taken, tokens=8, points=2)
    assert [(event["k"], event["a"]) for event in desk.events()] == [("1", "30"), ("2", str(taken))]
    assert desk.settle(call, charge, hold=50) == ["DUP", str(taken)]


def test_a_late_end_takes_nothing_that_others_hold_by_now(desk):
    desk.load()
    desk.grant(100)
    call = desk.admitted(full=100)
    desk.wait(TTL_MS)
    desk.sweep(call)
    desk.admitted(full=60)

    assert desk.settle(call, 100, hold=100) == ["ADJUST", "40"]
    assert desk.pool() == {"free": 0, "held": 60, "spent": 40, "granted": 100, "returned": 0}


# ---- what Redis lost


@pytest.mark.parametrize(("charge", "booked"), [(30, "30"), (50, "50"), (51, "50")])
def test_a_call_redis_lost_is_booked_as_far_as_it_was_held(charge, booked, desk):
    desk.load()
    desk.grant(100)
    call = desk.call()

    assert desk.settle(call, charge, hold=50, gen="2:1") == ["NOHOLD", booked]

    assert desk.pool() == {"free": 100, "held": 0, "spent": 0, "granted": 100, "returned": 0}
    assert [(event["k"], event["a"], event["g"]) for event in desk.events()] == [("2", booked, "2:1")]
    assert desk.settle(call, charge, hold=50, gen="2:1") == ["DUP", booked]
    assert desk.admit(call) == ["DONE"]


@pytest.mark.parametrize(("charge", "taken"), [(0, 0), (30, 30), (51, 50), (90, 50)])
def test_a_call_of_this_generation_that_is_forgotten_pays_from_what_is_free(charge, taken, desk):
    desk.load()
    desk.grant(100)

    assert desk.settle(desk.call(), charge, hold=50) == ["NOHOLD", str(taken)]

    assert desk.pool() == {"free": 100 - taken, "held": 0, "spent": taken, "granted": 100, "returned": 0}


def test_a_forgotten_call_takes_nothing_that_others_hold(desk):
    desk.load()
    desk.grant(100)
    desk.admitted(full=80)

    assert desk.settle(desk.call(), 50, hold=50) == ["NOHOLD", "20"]


@pytest.mark.parametrize(("charge", "booked"), [(30, "30"), (70, "70"), (90, "80")])
def test_a_call_of_a_generation_that_is_over_is_paid_by_its_pool(charge, booked, desk):
    """An earlier state of Redis came back: its hold is smaller than what the proxy was told last."""
    desk.load()
    desk.grant(100)
    call = desk.admitted(full=50)
    desk.turn(NEXT)
    desk.load(gen=NEXT)
    desk.grant(1000, gen=NEXT)

    assert desk.settle(call, charge, hold=80) == ["OK", booked]

    assert desk.pool() == {"free": 1000, "held": 0, "spent": 0, "granted": 1000, "returned": 0}
    assert desk.hash(desk.keys.counters).get(f"n:{KEY.hex}") is None
    assert [(event["a"], event["g"]) for event in desk.events()] == [(booked, GEN)]


def test_a_late_end_of_a_generation_that_is_over_is_not_lost(desk):
    desk.load()
    desk.grant(100)
    call = desk.admitted(full=50)
    desk.checkpoint(call, charge=10)
    desk.wait(TTL_MS)
    desk.sweep(call)
    desk.turn(NEXT)

    assert desk.settle(call, 45, hold=50) == ["ADJUST", "45"]
    assert [(event["k"], event["a"], event["g"]) for event in desk.events()] == [
        ("1", "10", GEN),
        ("2", "45", GEN),
    ]


# ---- what is refused


@pytest.mark.parametrize("place", range(4, 10))
@pytest.mark.parametrize("text", ["nan", "-inf", "0x10", "1e3", "", "1" * 17, "-1", "9007199254740993"])
def test_what_is_no_whole_number_is_refused(place, text, desk):
    desk.load()
    desk.grant(100)
    call = desk.admitted()
    before = desk.everything()
    request = requests.settlement(desk.end(call, 5))
    args = list(request.args)
    args[place] = text.encode()

    assert desk.run(replace(request, args=args)) == ["BADARG"]

    assert desk.everything() == before


def test_a_kind_nobody_knows_is_refused(desk):
    request = requests.settlement(desk.end(desk.call(), 5))

    assert desk.run(replace(request, args=[b"void", *request.args[1:]])) == ["BADARG"]
    assert desk.events() == []


def test_a_hold_of_another_wallet_is_not_settled(desk):
    desk.load()
    desk.grant(100)
    call = desk.admitted()
    request = requests.settlement(desk.end(call, 5))
    args = list(request.args)
    args[2] = b"0" * 32
    before = desk.everything()

    assert desk.run(replace(request, args=args)) == ["BADARG"]

    assert desk.everything() == before


def test_no_generation_settles_nothing(desk):
    desk.load()
    desk.grant(100)
    call = desk.admitted()
    desk.redis.delete(desk.keys.bucket.generation)
    before = desk.everything()

    assert desk.settle(call, 5) == ["REGEN"]
    assert desk.sweep(call) == ["REGEN"]

    assert desk.everything() == before


def test_a_server_without_memory_settles_nothing_and_writes_nothing(desk):
    desk.load(FULL)
    desk.grant(100)
    call = desk.admitted(FULL, full=50)
    before = desk.everything()
    desk.redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(ResponseError, match="maxmemory"):
            desk.settle(call, 30)
    finally:
        desk.redis.config_set("maxmemory", 0)

    assert desk.everything() == before
    assert desk.settle(call, 30) == ["OK", "30"]


def test_large_amounts_keep_their_digits(desk):
    large = 10**15 + 7
    desk.load()
    desk.grant(2 * large)
    call = desk.admitted(full=large)

    assert desk.settle(call, large - 4) == ["OK", str(large - 4)]
    assert desk.pool()["free"] == large + 4
