"""Admission: what refuses a call, in which order, with which numbers; and what it holds when nothing does."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from msgspec import structs
from redis.exceptions import ResponseError

from core.charging.calls import Caller
from core.counters.requests import Request
from core.counters.script import Script
from core.rules.scopes import Subject
from tests.core.counters.desk import (
    DAY,
    DAY_MS,
    FIRST,
    FULL,
    GEN,
    KEY,
    KEY_LIMIT,
    LIMIT,
    MEMBER,
    MEMBER_BUDGET,
    MEMBER_FUSE,
    MONEY,
    NOW_MS,
    ORG_FUSE,
    PLAIN,
    POINTS,
    REQUESTS,
    TEAM_BUDGET,
    TOKENS,
    TTL_MS,
    Desk,
)

MIDNIGHT_MS = (DAY + 1) * DAY_MS
MONTH_ENDS_MS = (FIRST + 30) * DAY_MS
QUOTAS_END_MS = NOW_MS + 12 * 3_600_000

# Everything that refuses a call, in the contract's order, and how it answers.
REFUSALS = {
    "another generation": ["REGEN"],
    "the call is over": ["DONE"],
    "unknown counters": ["LOAD"],
    "the wallet changed": ["STALE"],
    "the key changed": ["STALE"],
    "another day": ["CLOCK", str(NOW_MS)],
    "too many a minute": ["RATE", "0", str(NOW_MS + 60_000), "5", "12000"],
    "too many at once": ["BUSY", "5", str(NOW_MS), "3"],
    "everything's breaker": ["GLOBAL", "5", str(NOW_MS), "4000"],
    "the member's breaker": ["BREAKER", "5", str(NOW_MS), MEMBER_FUSE.name, "minute", "501", "500", "51000"],
    "the organization's breaker": ["BREAKER", "5", str(NOW_MS), ORG_FUSE.name, "minute", "502", "500", "52000"],
    "tokens": ["LIMIT", "5", str(NOW_MS), TOKENS.name, "t", "1000", "992", "0", str(QUOTAS_END_MS)],
    "points": ["LIMIT", "5", str(NOW_MS), POINTS.name, "p", "1000", "999", "0", str(QUOTAS_END_MS)],
    "the key's limit": ["LIMIT", "5", str(NOW_MS), KEY_LIMIT.name, "u", "1000", "993", "0", str(MIDNIGHT_MS)],
    "the member's budget": ["LIMIT", "5", str(NOW_MS), MEMBER_BUDGET.name, "u", "1000", "994", "0", str(MONTH_ENDS_MS)],
    "the team's budget": ["LIMIT", "5", str(NOW_MS), TEAM_BUDGET.name, "u", "1000", "995", "0", str(MONTH_ENDS_MS)],
    "no lease": ["NOLEASE", "5", str(NOW_MS), "short"],
    "the session's money": ["LIMIT", "5", str(NOW_MS), MONEY.name, "u", "1000", "996", "0", str(QUOTAS_END_MS)],
    "the session's requests": ["LIMIT", "5", str(NOW_MS), REQUESTS.name, "r", "1000", "1000", "0", str(QUOTAS_END_MS)],
}  # fmt: skip
SPENT = {
    "tokens": (TOKENS, 992),
    "points": (POINTS, 999),
    "the key's limit": (KEY_LIMIT, 993),
    "the member's budget": (MEMBER_BUDGET, 994),
    "the team's budget": (TEAM_BUDGET, 995),
    "the session's money": (MONEY, 996),
    "the session's requests": (REQUESTS, 1000),
}


def asked(desk: Desk, *reasons: str) -> Request:
    """A call that costs 8, at least 8, 9 tokens and 2 points, and that there are these reasons to refuse."""
    windows: dict[Any, Any] = {}
    if "the member's breaker" in reasons:
        windows[MEMBER_FUSE] = ([(NOW_MS - 9000, 501)], [])
    if "the organization's breaker" in reasons:
        windows[ORG_FUSE] = ([(NOW_MS - 8000, 502)], [])
    desk.load(FULL, dict(spent for reason, spent in SPENT.items() if reason in reasons), windows)
    desk.grant(7 if "no lease" in reasons else 100)
    call = desk.call(FULL, full=8, floor=8, tokens=9, points=2)
    if "another day" in reasons:
        call = desk.call(FULL, full=8, floor=8, tokens=9, points=2, at_ms=NOW_MS - DAY_MS)
    if "the call is over" in reasons:
        desk.settle(call, 0)
    if "unknown counters" in reasons:
        desk.redis.delete(desk.keys.counters)
    if "the wallet changed" in reasons:
        desk.bump(2)
    if "the key changed" in reasons:
        desk.bump(2, key_id=KEY)
    if "too many a minute" in reasons:
        desk.redis.hset(desk.keys.rates, MEMBER.hex, (NOW_MS + 60_000) * 1000)
    if "too many at once" in reasons:
        desk.redis.hset(desk.keys.counters, f"n:{KEY.hex}", 3)
    return desk.admission(
        call,
        gen="2:1" if "another generation" in reasons else GEN,
        closed_ms=4000 if "everything's breaker" in reasons else 0,
    )


def test_a_call_nothing_refuses_is_admitted(desk):
    assert desk.run(asked(desk))[0] == "OK"


@pytest.mark.parametrize("reason", REFUSALS)
def test_each_reason_refuses_a_call_and_nothing_is_written(reason, desk):
    request = asked(desk, reason)
    before = desk.everything()

    assert desk.run(request) == REFUSALS[reason]

    assert desk.everything() == before


@pytest.mark.parametrize("first", REFUSALS)
def test_of_two_reasons_the_first_in_order_is_told(first, desk):
    later = [second for one, second in combinations(REFUSALS, 2) if one == first]

    answers = {}
    for second in later:
        desk.redis.flushall()
        desk.__post_init__()
        answers[second] = desk.run(asked(desk, first, second))[0]

    assert answers == dict.fromkeys(later, REFUSALS[first][0])


def test_a_session_s_quotas_are_asked_after_the_wallet(desk):
    desk.load(FULL, {MONEY: LIMIT})
    desk.grant(7)

    assert desk.admit(desk.call(FULL, full=8, floor=8)) == ["NOLEASE", "5", str(NOW_MS), "short"]


# ---- what is not well-formed

NUMBERS = {
    5: "full", 6: "slice", 7: "floor", 9: "tokens", 10: "points", 11: "time to live", 12: "calls a minute",
    14: "calls at once", 15: "retry", 20: "breakers", 22: "minute limit", 23: "hour limit", 29: "subjects",
    31: "start", 32: "end", 39: "quotas", 41: "quota's start", 42: "quota's end",
}  # fmt: skip
NO_NUMBERS = ["nan", "-inf", "inf", "0x10", "1e3", "", " 1", "1.0", "1" * 17, "9007199254740993", "-1"]


@pytest.mark.parametrize("place", NUMBERS, ids=NUMBERS.get)
def test_what_is_no_whole_number_is_refused_and_nothing_is_written(place, desk):
    request = asked(desk)
    before = desk.everything()

    answers = {}
    for text in NO_NUMBERS:
        args = list(request.args)
        args[place] = text.encode()
        answers[text] = " ".join(desk.run(structs.replace(request, args=args)))

    assert answers == dict.fromkeys(NO_NUMBERS, "BADARG")
    assert desk.everything() == before


@pytest.mark.parametrize("text", ["", "k:1", "k:1|nan|d|1|1|1", "k:1|1e3|d|1|1|1", "k:1|-1|d|1|1|1", "k:1|5|x|1|1|1",
                                  "k:1|5|w|y|{today}|1", "k:1|5|w|1|1|1", "k:1|5|m|1|{today}|x"])  # fmt: skip
def test_a_subject_that_makes_no_sense_is_refused_and_nothing_is_written(text, desk):
    request = asked(desk)
    before = desk.everything()
    args = list(request.args)
    args[30] = text.format(today=DAY).encode()

    assert desk.run(structs.replace(request, args=args)) == ["BADARG"]

    assert desk.everything() == before


@pytest.mark.parametrize("text", ["", "p:1", "p:1|t", "p:1|t|nan", "p:1|x|5", "p:1|t|-5"])
def test_a_quota_that_makes_no_sense_is_refused_and_nothing_is_written(text, desk):
    request = asked(desk)
    before = desk.everything()
    args = list(request.args)
    args[40] = text.encode()

    assert desk.run(structs.replace(request, args=args)) == ["BADARG"]

    assert desk.everything() == before


def test_what_is_missing_at_the_end_is_refused(desk):
    request = asked(desk)
    before = desk.everything()

    for n in range(20, len(request.args)):
        assert desk.run(structs.replace(request, args=request.args[:n])) == ["BADARG"], n

    assert desk.everything() == before


@pytest.mark.parametrize("text", ["1" * 17, "-" + "1" * 17, "1.5", "nan", "inf", "-inf", "many", ""])
def test_a_counter_that_is_no_number_admits_nothing(text, desk):
    desk.load(FULL)
    desk.grant(100)
    desk.redis.hset(desk.keys.counters, f"{KEY_LIMIT.name}@d{DAY}:s", text)
    before = desk.everything()

    with pytest.raises(ResponseError, match="not a whole number"):
        desk.admit(desk.call(FULL))

    assert desk.everything() == before


# ---- what is held


def test_an_admitted_call_is_held_against_everything_it_counts_against(desk):
    desk.load(FULL)
    desk.grant(100)
    call = desk.call(FULL, full=8, tokens=9, points=2)

    answer = desk.admit(call)

    assert answer == ["OK", "4", str(NOW_MS + 12_000), "8", "0", "", str(NOW_MS)]
    assert desk.pool() == {"free": 92, "held": 8, "spent": 0, "granted": 100, "returned": 0}
    assert desk.counters() == {
        f"k:{KEY.hex}@d{DAY}:h": 8,
        f"k:{KEY.hex}@m{FIRST}:h": 8,
        f"m:{MEMBER.hex}@d{DAY}:h": 8,
        f"m:{MEMBER.hex}@m{FIRST}:h": 8,
        f"{TEAM_BUDGET.name}@d{DAY}:h": 8,
        f"{TEAM_BUDGET.name}@m{FIRST}:h": 8,
        f"{TOKENS.name}:h": 9,
        f"{POINTS.name}:h": 2,
        f"{MONEY.name}:h": 8,
        f"{REQUESTS.name}:h": 1,
    }
    assert desk.hash(desk.keys.counters)[f"n:{KEY.hex}"] == "1"
    deadline = desk.redis.zrange(desk.keys.bucket.deadlines, 0, -1, withscores=True)
    assert deadline == [(b"%b|%b" % (desk.keys.id, call.request_id.hex.encode()), NOW_MS + TTL_MS)]
    hold = desk.hash(desk.keys.bucket.hold(call.request_id))
    assert {name: hold[name] for name in ("w", "g", "h", "t", "p", "m", "mu", "mt", "k", "a")} == {
        "w": desk.keys.id.decode(), "g": GEN, "h": "8", "t": "9", "p": "2", "m": "0", "mu": "0", "mt": "0",
        "k": KEY.hex, "a": str(NOW_MS),
    }  # fmt: skip


def test_a_call_asked_again_gets_the_same_hold_and_nothing_more(desk):
    desk.load()
    desk.grant(100)
    call = desk.admitted(full=8)
    before = desk.everything()

    assert desk.admit(call) == ["OK", "-1", "0", "8", "0", "dup", str(NOW_MS)]

    assert desk.everything() == before


def test_a_call_that_is_held_in_an_old_generation_does_not_begin_in_the_next(desk):
    """What it holds is of a pool nobody keeps open for a call that is said to be of this generation."""
    desk.load()
    desk.grant(100)
    call = desk.admitted(full=8)
    desk.turn("4:1")
    before = desk.everything()

    assert desk.admit(call, gen="4:1") == ["DONE"]

    assert desk.everything() == before


def test_a_call_of_another_wallet_s_id_is_refused(desk):
    desk.load()
    desk.grant(100)
    call = desk.admitted(full=8)
    request = desk.admission(call)
    args = list(request.args)
    args[18] = b"0" * 32

    assert desk.run(structs.replace(request, args=args)) == ["BADARG"]


@pytest.mark.parametrize(
    ("free", "partial", "answer"),
    [
        (100, False, ["OK", "100"]),
        (100, True, ["OK", "100"]),
        (99, False, ["NOLEASE", "short"]),
        (99, True, ["OK", "40"]),
        (40, True, ["OK", "40"]),
        (39, True, ["OK", "39"]),
        (5, True, ["OK", "5"]),
        (4, False, ["NOLEASE", "short"]),
        (4, True, ["SHORT", "4", "0"]),
    ],
)
def test_a_call_holds_its_worst_case_or_a_slice_or_what_there_is(free, partial, answer, desk):
    desk.load()
    desk.grant(free)

    told = desk.admit(desk.call(full=100, part=40, floor=5), partial=partial)

    assert [told[0], *told[3:][: len(answer) - 1]] == answer


@pytest.mark.parametrize(("left", "hold"), [(100, "100"), (99, "40"), (40, "40"), (39, "39"), (5, "5")])
@pytest.mark.parametrize("one", [KEY_LIMIT, TEAM_BUDGET, MONEY], ids=lambda one: one.scope)
def test_near_a_limit_a_call_holds_what_is_left_of_it(one, left, hold, desk):
    desk.load(FULL, {one: LIMIT - left})
    desk.grant(1000)

    assert desk.admit(desk.call(FULL, full=100, part=40, floor=5))[3] == hold


def test_a_call_that_costs_nothing_needs_no_money_and_no_lease(desk):
    desk.load(FULL, {KEY_LIMIT: LIMIT + 5, MONEY: LIMIT + 5})

    assert desk.admit(desk.call(FULL, full=0, floor=0))[:4] == ["OK", "4", str(NOW_MS + 12_000), "0"]


def test_the_last_nano_dollar_can_be_held(desk):
    desk.load(FULL, {KEY_LIMIT: LIMIT - 1})
    desk.grant(1)

    assert desk.admit(desk.call(FULL, full=1))[3] == "1"
    assert desk.pool()["free"] == 0


def test_amounts_up_to_the_bound_are_exact(desk):
    most = 2**52 - 1
    desk.load(replace(FULL, subjects=(replace(KEY_LIMIT, limit_n=2**52),), quotas=()))
    caller = replace(FULL, subjects=(replace(KEY_LIMIT, limit_n=2**52),), quotas=())
    desk.grant(2**52)

    assert desk.admit(desk.call(caller, full=most))[3] == str(most)
    assert desk.admit(desk.call(caller, full=2, floor=2)) == ["LIMIT", "4", str(NOW_MS + 12_000), KEY_LIMIT.name, "u", str(2**52),
                                                     "0", str(most), str(MIDNIGHT_MS)]  # fmt: skip
    assert desk.admit(desk.call(caller, full=1))[3] == "1"
    assert desk.pool()["free"] == 0


def test_it_is_said_when_less_than_half_of_a_lease_is_left(desk):
    desk.load()
    desk.grant(100)

    assert [desk.admit(desk.call(full=25))[4] for _ in range(3)] == ["0", "0", "1"]


# ---- leases


def test_a_wallet_without_a_pool_has_no_lease(desk):
    desk.load()

    assert desk.admit(desk.call()) == ["NOLEASE", "0", "0", "none"]


def test_a_lease_ends_at_its_moment(desk):
    desk.load()
    desk.grant(100, valid_ms=90_000)

    desk.wait(89_999)
    assert desk.admit(desk.call())[0] == "OK"
    desk.wait(1)
    assert desk.admit(desk.call()) == ["NOLEASE", "0", "0", "expired"]


# ---- versions, counters, generations, the clock


@pytest.mark.parametrize("caller", [replace(PLAIN, wallet_ver=2), replace(PLAIN, key_ver=2)])
def test_a_caller_newer_than_redis_knows_is_stale_too(caller, desk):
    desk.load()
    desk.grant(100)

    assert desk.admit(desk.call(caller)) == ["STALE"]


def test_a_key_that_was_never_loaded_is_loaded_first(desk):
    desk.load(replace(PLAIN, key_id=TEAM_BUDGET.id))
    desk.grant(100)

    assert desk.admit(desk.call()) == ["LOAD"]


def only(limit: Subject) -> Caller:
    return replace(PLAIN, subjects=(limit,))


@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_a_period_that_began_before_the_generation_is_loaded_first(period, desk):
    limit = Subject("key", KEY, LIMIT, period)
    desk.load(PLAIN)
    desk.grant(100)

    assert desk.admit(desk.call(only(limit))) == ["LOAD"]

    desk.load(only(limit), {limit: LIMIT - 9})
    assert desk.admit(desk.call(only(limit)))[3] == "9"


def test_a_period_that_began_in_the_generation_began_with_nothing(desk):
    limit = Subject("key", KEY, LIMIT, "day")
    desk.load(PLAIN)
    desk.at(MIDNIGHT_MS)
    desk.grant(100)

    assert desk.admit(desk.call(only(limit)))[0] == "OK"


def test_counters_of_another_generation_are_loaded_anew(desk):
    desk.load(FULL)
    desk.turn("4:1")
    desk.grant(100, gen="4:1")

    assert desk.admit(desk.call(FULL), gen="4:1") == ["LOAD"]


def test_a_breaker_nobody_keeps_windows_of_is_loaded_first(desk):
    desk.load(replace(FULL, fuses=(MEMBER_FUSE,)))
    desk.grant(100)

    assert desk.admit(desk.call(FULL)) == ["LOAD"]


def test_a_pool_of_another_generation_pays_nothing(desk):
    desk.load()
    desk.grant(100)
    desk.turn("4:1")
    desk.load(gen="4:1")

    assert desk.admit(desk.call(), gen="4:1") == ["NOLEASE", "0", "0", "none"]


def test_no_generation_admits_nothing(desk):
    desk.load()
    desk.grant(100)
    desk.redis.delete(desk.keys.bucket.generation)

    assert desk.admit(desk.call()) == ["REGEN"]


@pytest.mark.parametrize(
    ("now_ms", "answer"),
    [(MIDNIGHT_MS - 1, "OK"), (MIDNIGHT_MS, "CLOCK"), (DAY * DAY_MS, "OK"), (DAY * DAY_MS - 1, "CLOCK")],
)
def test_a_call_is_admitted_on_the_day_of_its_id_alone(now_ms, answer, desk):
    desk.load()
    desk.grant(100)
    call = desk.call()
    desk.at(now_ms)
    desk.grant(0, seq=0)

    told = desk.admit(call)

    assert told[0] == answer
    assert answer == "OK" or told[1] == str(now_ms)


@pytest.mark.parametrize(
    ("now_ms", "answer"),
    [(NOW_MS + 100, "OK"), (NOW_MS + 99, "CLOCK"), (NOW_MS + 199, "OK"), (NOW_MS + 200, "CLOCK")],
)
def test_a_quota_counts_in_its_window_alone(now_ms, answer, desk):
    second = (NOW_MS + 100) / 1000, (NOW_MS + 200) / 1000
    window = {
        "start_at": TOKENS.start_at.fromtimestamp(second[0], TOKENS.start_at.tzinfo),
        "end_at": TOKENS.start_at.fromtimestamp(second[1], TOKENS.start_at.tzinfo),
    }
    caller = replace(PLAIN, quotas=(replace(TOKENS, **window),))
    desk.load(caller)
    desk.grant(100)
    desk.at(now_ms)

    assert desk.admit(desk.call(caller))[0] == answer


def test_the_server_s_own_clock_decides(redis):
    desk = Desk(redis, scripts={"admit": Script.load("admit")})
    desk.load()
    seconds, micros = redis.time()

    answer = desk.admit(desk.call())

    assert answer[0] == "CLOCK"
    assert 0 <= int(answer[1]) - (seconds * 1000 + micros // 1000) < 60_000


# ---- calls a minute, and at once


def test_calls_a_minute_come_back_one_by_one(desk):
    caller = replace(PLAIN, rpm=3)
    desk.load(caller)
    desk.grant(1000)

    answers = [desk.admit(desk.call(caller))[:3] for _ in range(3)]
    assert answers == [
        ["OK", "2", str(NOW_MS + 20_000)],
        ["OK", "1", str(NOW_MS + 40_000)],
        ["OK", "0", str(NOW_MS + 60_000)],
    ]
    assert desk.admit(desk.call(caller)) == ["RATE", "0", str(NOW_MS + 60_000), "3", "20000"]
    desk.wait(19_999.999)
    assert desk.admit(desk.call(caller)) == ["RATE", "0", str(NOW_MS + 60_000), "3", "1"]
    desk.at(NOW_MS + 20_000)
    assert desk.admit(desk.call(caller))[:3] == ["OK", "0", str(NOW_MS + 80_000)]
    assert desk.admit(desk.call(caller))[0] == "RATE"


def test_a_refused_call_uses_up_no_rate(desk):
    caller = replace(PLAIN, rpm=1)
    desk.load(caller)
    desk.grant(5)

    assert desk.admit(desk.call(caller, full=6, floor=6))[0] == "NOLEASE"
    assert desk.admit(desk.call(caller, full=5))[:2] == ["OK", "0"]


def test_callers_of_one_owner_share_a_rate(desk):
    callers = [replace(PLAIN, rpm=1, rpm_owner=MEMBER), replace(PLAIN, rpm=1, rpm_owner=TEAM_BUDGET.id)]
    desk.load(callers[0])
    desk.grant(1000)

    assert [desk.admit(desk.call(one))[0] for one in (*callers, *callers)] == ["OK", "OK", "RATE", "RATE"]


def test_without_a_limit_of_calls_a_minute_none_is_told(desk):
    desk.load()
    desk.grant(100)

    assert desk.admit(desk.call())[:3] == ["OK", "-1", "0"]


def test_a_call_that_ended_makes_room_for_another(desk):
    caller = replace(PLAIN, at_once=2)
    desk.load(caller)
    desk.grant(100)
    first, _ = desk.admitted(caller), desk.admitted(caller)

    assert desk.admit(desk.call(caller)) == ["BUSY", "0", "0", "2"]
    desk.settle(first, 1)
    assert desk.admit(desk.call(caller))[0] == "OK"


# ---- a count that is but a bound


def test_a_limit_that_is_reached_by_a_bound_is_settling(desk):
    desk.load(FULL, {KEY_LIMIT: LIMIT}, holds_ms=2000)
    desk.grant(100)

    desk.wait(500)
    assert desk.admit(desk.call(FULL)) == ["SETTLING", "5", str(NOW_MS + 500), "1500"]
    desk.wait(1500)
    assert desk.admit(desk.call(FULL)) == ["LOAD"]


def test_what_fits_even_under_a_bound_is_admitted(desk):
    desk.load(FULL, {KEY_LIMIT: LIMIT - 10}, holds_ms=2000)
    desk.grant(100)

    assert desk.admit(desk.call(FULL, full=10))[3] == "10"


# ---- no memory


def test_a_server_without_memory_admits_nothing_and_writes_nothing(desk):
    desk.load(FULL)
    desk.grant(100)
    before = desk.everything()
    desk.redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(ResponseError, match="maxmemory"):
            desk.admit(desk.call(FULL))
    finally:
        desk.redis.config_set("maxmemory", 0)

    assert desk.everything() == before


def test_a_breaker_stays_open_by_the_clock_that_was_ahead(desk):
    caller = replace(PLAIN, fuses=(MEMBER_FUSE,))
    desk.load(caller)
    desk.grant(10_000)
    call = desk.admitted(caller, full=600)
    desk.wait(1000)
    desk.settle(call, 600, upstream_n=600)

    desk.wait(-1000)

    told = desk.admit(desk.call(caller))
    assert told == ["BREAKER", "0", "0", MEMBER_FUSE.name, "minute", "600", "500", "61000"]


def test_a_full_server_refuses_before_anything_is_written(desk):
    desk.load()
    desk.grant(100)
    call, before = desk.call(), desk.everything()

    desk.redis.config_set("maxmemory", 1)
    with pytest.raises(ResponseError, match="maxmemory"):
        desk.admit(call)
    desk.redis.config_set("maxmemory", 0)

    assert desk.everything() == before
    assert desk.admit(call)[0] == "OK"
