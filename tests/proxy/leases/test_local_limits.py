"""Limits of one proxy alone: its share of them, and never more."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from core.charging.calls import Call, Caller, TooFast, Tripped
from core.ids import uuid7
from core.rules.admission import Want
from core.rules.scopes import NO_THRESHOLD_N, Fuse
from proxy.leases.local_limits import LocalLimits, Taken, Window, share


class Clock:
    """Stands still unless told."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def limits(clock):
    return LocalLimits(clock=clock)


def caller(**fields):
    return Caller(
        **{
            "key_id": uuid4(),
            "key_ver": 1,
            "wallet_id": uuid4(),
            "wallet_ver": 1,
            "bucket": 0,
            "user_id": uuid4(),
            **fields,
        }
    )


def call_of(whose):
    return Call(
        request_id=uuid7(),
        caller=whose,
        model_id="a/b",
        price_card_id=uuid7(),
        stream=False,
        app_name="",
        app_url="",
        want=Want(0, 0, 0),
        started_at=datetime.now(UTC),
    )


def take(limits, whose, proxies=1):
    return limits.take(call_of(whose), proxies=proxies)


@pytest.mark.parametrize(
    ("limit", "proxies", "expected"), [(100, 1, 100), (100, 3, 33), (2, 3, 1), (0, 3, 0), (50, 2, 25)]
)
def test_a_share_is_never_nothing_of_something(limit, proxies, expected):
    assert share(limit, proxies) == expected


# Calls a minute.


def test_calls_a_minute_are_refused_beyond_the_share_and_come_back_one_by_one(limits, clock):
    whose = caller(rpm=12)

    taken = [take(limits, whose, proxies=4) for _ in range(4)]

    assert [one.rate.remaining for one in taken[:3]] == [2, 1, 0]
    assert isinstance(taken[3], TooFast)
    assert (taken[3].limit, taken[3].retry_ms, taken[3].rate.remaining) == (3, 20_000, 0)
    clock.now_s += 19.999
    assert isinstance(take(limits, whose, proxies=4), TooFast)
    clock.now_s += 0.001
    assert isinstance(take(limits, whose, proxies=4), Taken)
    assert isinstance(take(limits, whose, proxies=4), TooFast)


def test_the_keys_of_an_owner_share_its_calls(limits):
    owner = uuid4()
    one, other = caller(rpm=1, rpm_owner=owner), caller(rpm=1, rpm_owner=owner)

    assert isinstance(take(limits, one), Taken)
    assert isinstance(take(limits, other), TooFast)
    assert isinstance(take(limits, caller(rpm=1)), Taken)


def test_a_caller_without_a_rate_is_told_of_none(limits):
    assert take(limits, caller()) == Taken(None, 0, [])


def test_what_is_given_back_is_there_again(limits):
    whose = caller(rpm=1, at_once=1)
    call = call_of(whose)
    taken = limits.take(call, proxies=1)
    assert isinstance(take(limits, whose), TooFast)

    limits.give_back(call, taken)

    assert isinstance(take(limits, whose), Taken)


def test_a_refused_call_uses_nothing_up(limits):
    whose = caller(rpm=2, at_once=1)
    first = call_of(whose)
    limits.take(first, proxies=1)

    refused = take(limits, whose)

    assert (refused.at_once, refused.limit, refused.rate.remaining) == (True, 1, 1)
    limits.ended(first)
    assert isinstance(take(limits, whose), Taken)


# Calls at once.


def test_calls_that_were_admitted_in_redis_run_too(limits):
    whose = caller(at_once=4)
    calls = [call_of(whose) for _ in range(2)]
    for call in calls:
        limits.began(call)

    assert take(limits, whose, proxies=2) == TooFast(2, 1000, None, at_once=True)

    limits.ended(calls[0])
    assert isinstance(take(limits, whose, proxies=2), Taken)


# Breakers.


def org_key(**fields):
    """A key of a team's member, with thresholds at each scope (nano-dollars)."""
    fuses = [Fuse(scope, uuid4(), 1000, 5000) for scope in ("member", "team", "org")]
    return caller(fuses=tuple(replace(fuse, **fields.get(fuse.scope, {})) for fuse in fuses))


def test_a_breaker_trips_at_its_share_in_the_window_that_is_full(limits, clock):
    whose = org_key(member={"minute_n": 400})
    member = whose.fuses[0]
    call = call_of(whose)

    limits.count(call, 199)
    assert isinstance(take(limits, whose, proxies=2), Taken)
    limits.count(call, 200)

    assert take(limits, whose, proxies=2) == Tripped("member", "minute", 60_000, 200, 200, member.id)
    clock.now_s += 59.999
    assert take(limits, whose, proxies=2).retry_ms == 1
    clock.now_s += 0.001
    assert isinstance(take(limits, whose, proxies=2), Taken)


def test_the_hour_trips_by_itself(limits, clock):
    whose = org_key()
    for _ in range(5):
        limits.count(call_of(whose), 999)
        clock.now_s += 60
    limits.count(call_of(whose), 5)

    tripped = take(limits, whose)

    assert (tripped.scope, tripped.window, tripped.spent_n, tripped.limit_n) == ("member", "hour", 5000, 5000)
    assert 54 * 60_000 < tripped.retry_ms <= 55 * 60_000
    clock.now_s += tripped.retry_ms / 1000
    assert isinstance(take(limits, whose), Taken)


def test_what_a_running_call_costs_is_counted_once(limits):
    whose = org_key()
    call = call_of(whose)

    for upstream_n in (300, 300, 600, 500, 999):
        limits.count(call, upstream_n)

    assert isinstance(take(limits, whose), Taken)
    limits.count(call, 1000)
    assert isinstance(take(limits, whose), Tripped)


def test_spending_counts_at_every_scope_it_belongs_to(limits):
    one = org_key()
    other = caller(fuses=(replace(one.fuses[0], id=uuid4()), *one.fuses[1:]))

    limits.count(call_of(one), 1000)

    assert take(limits, other).scope == "team"


def test_a_breaker_that_is_switched_off_or_in_shadow_refuses_nobody(limits):
    off = dict.fromkeys(("minute_n", "hourly_n"), NO_THRESHOLD_N)
    whose = org_key(member=off, team={"is_shadow": True}, org=off)
    limits.count(call_of(whose), 1000)

    taken = take(limits, whose)

    assert taken.shadows == [Tripped("team", "minute", 60_000, 1000, 1000, whose.fuses[1].id, is_shadow=True)]


def test_the_global_breaker_is_over_all_and_comes_first(clock):
    limits = LocalLimits(global_n=(0, 900), clock=clock)
    whose = org_key()

    limits.count(call_of(caller()), 899)
    assert isinstance(take(limits, whose), Taken)
    limits.count(call_of(whose), 1000)

    tripped = take(limits, whose)
    assert (tripped.scope, tripped.window, tripped.spent_n, tripped.limit_n) == ("global", "hour", 1899, 900)
    assert take(limits, caller()).scope == "global"


def test_a_breaker_comes_after_the_rate_and_uses_none_of_it_up(limits):
    whose = replace(org_key(), rpm=1)
    limits.count(call_of(whose), 1000)

    assert take(limits, whose).rate.remaining == 1
    assert isinstance(take(limits, whose), Tripped)


# The windows.


def test_a_window_forgets_tick_by_tick():
    window = Window(1000)
    for at_ms, amount_n in ((0, 5), (999, 2), (1000, 3), (30_000, 10)):
        window.add(amount_n, at_ms)

    assert [window.spent_n(ms) for ms in (30_000, 59_999, 60_000, 61_000, 89_999, 90_000)] == [
        20,
        20,
        13,
        10,
        10,
        0,
    ]
    assert window.ticks == {}


@pytest.mark.parametrize(("limit_n", "wait_ms"), [(20, 30_000), (13, 31_000), (10, 60_000), (0, 60_000)])
def test_a_window_says_when_it_is_below_a_limit(limit_n, wait_ms):
    window = Window(1000)
    for at_ms, amount_n in ((0, 5), (999, 2), (1000, 3), (30_000, 10)):
        window.add(amount_n, at_ms)

    assert window.wait_ms(limit_n, 30_000) == wait_ms


def test_who_has_been_quiet_is_forgotten(limits, clock):
    for _ in range(3):
        whose = replace(org_key(), rpm=1)
        call = call_of(whose)
        limits.take(call, proxies=1)
        limits.count(call, 10)
        limits.ended(call)
    assert (len(limits._windows), len(limits._arrivals)) == (9, 3)

    clock.now_s += 3601
    limits.count(call_of(org_key()), 10)

    assert (len(limits._windows), len(limits._arrivals)) == (3, 0)
    assert not limits._running


def test_the_time_all_calls_are_back_is_told(limits):
    began = datetime.now(UTC).timestamp()

    rate = take(limits, caller(rpm=4)).rate

    assert (rate.limit, rate.remaining) == (4, 3)
    assert began + 14 <= rate.reset <= datetime.now(UTC).timestamp() + 16
