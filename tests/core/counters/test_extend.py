"""A running call's hold grows by what there is of the pool and of its limits."""

from dataclasses import replace

import pytest

from core.counters import requests
from tests.core.counters.desk import DAY_MS, FULL, GEN, KEY_LIMIT, LIMIT, MONEY, PLAIN, TEAM_BUDGET


def test_an_extension_is_held_against_everything_the_call_counts_against(desk):
    desk.load(FULL)
    desk.grant(100)
    call = desk.admitted(FULL, full=20)

    assert desk.extend(call, 15) == ["OK", "15", "0"]

    assert desk.pool() == {"free": 65, "held": 35, "spent": 0, "granted": 100, "returned": 0}
    assert {amount for name, amount in desk.counters().items() if name[-2:] == ":h"} == {35, 1}  # one request
    assert desk.settle(call, 35) == ["OK", "35"]
    assert desk.pool()["held"] == 0


@pytest.mark.parametrize(
    ("more", "partial", "answer"),
    [
        (80, False, ["OK", "80", "1"]),
        (81, False, ["NOLEASE", "short"]),
        (81, True, ["OK", "80", "1"]),
        (0, False, ["OK", "0", "0"]),
    ],
)
def test_an_extension_takes_no_more_than_the_pool_has(more, partial, answer, desk):
    desk.load()
    desk.grant(100)
    call = desk.admitted(full=20)

    assert desk.extend(call, more, partial=partial) == answer


@pytest.mark.parametrize("one", [KEY_LIMIT, TEAM_BUDGET, MONEY], ids=lambda one: one.scope)
def test_an_extension_passes_no_limit(one, desk):
    desk.load(FULL, {one: LIMIT - 30})
    desk.grant(1000)
    call = desk.admitted(FULL, full=20)

    assert desk.extend(call, 15) == ["OK", "10", "0"]
    assert desk.extend(call, 15) == ["OK", "0", "0"]


def test_a_week_s_limit_counts_what_was_used_on_later_days(desk):
    caller = replace(PLAIN, subjects=(replace(KEY_LIMIT, period="week"),))
    desk.load(caller)
    desk.grant(2000)
    call = desk.admitted(caller, full=10)
    desk.wait(DAY_MS)
    desk.grant(0, seq=0)
    desk.admitted(caller, full=900)

    assert desk.extend(call, 500) == ["OK", "90", "0"]


def test_a_limit_lowered_below_what_is_used_extends_by_nothing(desk):
    caller = replace(PLAIN, subjects=(replace(KEY_LIMIT, limit_n=20),))
    desk.load(FULL)
    desk.grant(1000)
    desk.admitted(FULL, full=15)
    desk.load(caller)
    call = desk.admitted(caller, full=5)
    desk.redis.hincrby(desk.keys.counters, next(name for name in desk.counters() if name.startswith("k")), 50)

    assert desk.extend(call, 10) == ["OK", "0", "0"]


def test_a_call_that_is_over_is_not_extended(desk):
    desk.load()
    desk.grant(100)
    call = desk.admitted()
    desk.settle(call, 0)

    assert desk.extend(call, 1) == ["GONE"]


def test_an_extension_needs_a_lease_that_is_good(desk):
    desk.load()
    desk.grant(100, valid_ms=1000)
    call = desk.admitted()
    desk.wait(1000)

    assert desk.extend(call, 1) == ["NOLEASE", "expired"]


def test_a_call_of_another_generation_is_not_extended(desk):
    desk.load()
    desk.grant(100)
    call = desk.admitted()
    desk.turn("4:1")
    before = desk.everything()

    assert desk.extend(call, 1) == ["OK", "0", "0"]
    desk.redis.delete(desk.keys.bucket.generation)
    assert desk.extend(call, 1) == ["REGEN"]

    desk.turn("4:1")
    assert desk.everything() == before


@pytest.mark.parametrize("text", ["nan", "-1", "0x10", "1e3", "", "1" * 17])
def test_what_is_no_whole_number_is_refused(text, desk):
    desk.load()
    desk.grant(100)
    call = desk.admitted()
    request = requests.extend(call, more_n=1, partial=True)

    assert desk.run(replace(request, args=[text.encode(), b"1"])) == ["BADARG"]
    assert desk.hash(desk.keys.pool)["gen"] == GEN
    assert desk.pool()["held"] == 10
