"""A running call says what it has produced; breakers see it while it runs."""

from dataclasses import replace

import pytest

from core.charging.calls import Progress
from core.counters import requests
from core.rules.scopes import Fuse
from tests.core.counters.desk import (
    FULL,
    KEY,
    MEMBER_FUSE,
    NOW_MS,
    ORG_FUSE,
    PLAIN,
    TEAM,
    TTL_MS,
)

SECOND, MINUTE = 1000, 60_000
FUSED = replace(PLAIN, fuses=(MEMBER_FUSE, ORG_FUSE))


def hold(desk, call):
    row = desk.hash(desk.keys.bucket.hold(call.request_id))
    return {name: int(row[name]) for name in ("m", "mu", "mt")}


def running(desk, caller=FUSED):
    desk.load(caller)
    desk.grant(100_000)
    return desk.admitted(caller, full=5000)


def trip(desk, caller=FUSED):
    """What a call that is asked now is told."""
    desk.grant(0, seq=0)
    return desk.admit(desk.call(caller))


def test_a_checkpoint_only_grows_and_puts_off_the_deadline(desk):
    call = running(desk)
    desk.wait(5000)

    assert desk.checkpoint(call, charge=30, upstream=20, tokens=7) == ["OK"]
    assert desk.checkpoint(call, charge=25, upstream=25, tokens=6) == ["OK"]

    assert hold(desk, call) == {"m": 30, "mu": 25, "mt": 7}
    deadlines = desk.redis.zrange(desk.keys.bucket.deadlines, 0, -1, withscores=True)
    assert [at for _, at in deadlines] == [NOW_MS + 5000 + TTL_MS]


def test_a_call_that_is_over_is_told_so(desk):
    call = running(desk)
    desk.settle(call, 0)
    before = desk.everything()

    assert desk.checkpoint(call, charge=30) == ["GONE"]

    assert desk.everything() == before


@pytest.mark.parametrize("place", range(1, 5))
@pytest.mark.parametrize("text", ["nan", "-1", "0x10", "1e3", "", "1" * 17])
def test_what_is_no_whole_number_is_refused(place, text, desk):
    call = running(desk)
    before = desk.everything()
    request = requests.checkpoint(call, Progress(call.request_id), ttl_ms=TTL_MS)
    args = list(request.args)
    args[place] = text.encode()

    assert desk.run(replace(request, args=args)) == ["BADARG"]

    assert desk.everything() == before


# ---- what breakers see of it


def test_a_breaker_opens_when_what_runs_and_what_ended_reach_its_threshold(desk):
    call = running(desk)

    desk.checkpoint(call, charge=0, upstream=300)
    desk.checkpoint(call, charge=0, upstream=499)
    assert trip(desk)[0] == "OK"
    desk.settle(call, 0, upstream_n=500)

    assert trip(desk) == ["BREAKER", "0", "0", MEMBER_FUSE.name, "minute", "500", "500", str(60 * SECOND)]


def test_a_settlement_adds_only_what_no_checkpoint_told(desk):
    call = running(desk)
    desk.checkpoint(call, charge=0, upstream=499)

    desk.settle(call, 0, upstream_n=499)
    assert trip(desk)[0] == "OK"
    desk.settle(call, 0, upstream_n=499)
    assert trip(desk)[0] == "OK"


def test_a_late_end_adds_what_the_sweep_did_not_know(desk):
    call = running(desk)
    desk.checkpoint(call, charge=10, upstream=200)
    desk.wait(TTL_MS)
    desk.sweep(call)

    desk.settle(call, 400, upstream_n=700, hold=5000)

    assert trip(desk)[3:7] == [MEMBER_FUSE.name, "minute", "500", "500"]  # the 200 are a minute old


def test_a_window_of_a_minute_forgets_second_by_second(desk):
    call = running(desk)
    desk.checkpoint(call, charge=0, upstream=300)
    desk.wait(1 * SECOND)
    desk.checkpoint(call, charge=0, upstream=650)

    desk.at(NOW_MS + 20 * SECOND + 250)
    assert trip(desk)[3:] == [MEMBER_FUSE.name, "minute", "650", "500", str(39_750)]
    desk.at(NOW_MS + 60 * SECOND - 1)
    assert trip(desk)[0] == "BREAKER"
    desk.at(NOW_MS + 60 * SECOND)
    assert trip(desk)[0] == "OK"


def test_a_window_of_an_hour_forgets_minute_by_minute(desk):
    call = running(desk)
    for minute, upstream in enumerate((450, 850, 950)):
        desk.at(NOW_MS + minute * 2 * MINUTE)
        desk.checkpoint(call, charge=0, upstream=upstream)

    desk.at(NOW_MS + 30 * MINUTE)
    assert trip(desk)[3:] == [MEMBER_FUSE.name, "hour", "950", "900", str(30 * MINUTE)]
    desk.at(NOW_MS + 60 * MINUTE)
    assert trip(desk)[0] == "OK"


def test_a_window_nobody_wrote_to_for_long_is_empty(desk):
    call = running(desk)
    desk.checkpoint(call, charge=0, upstream=100_000)

    desk.at(NOW_MS + 61 * MINUTE)
    assert trip(desk)[0] == "OK"
    desk.checkpoint(call, charge=0, upstream=100_499)
    assert trip(desk)[0] == "OK"
    desk.checkpoint(call, charge=0, upstream=100_500)
    assert trip(desk)[4:6] == ["minute", "500"]


def test_a_clock_that_steps_back_forgets_nothing(desk):
    call = running(desk)
    desk.checkpoint(call, charge=0, upstream=400)

    desk.at(NOW_MS - 30 * SECOND)
    desk.checkpoint(call, charge=0, upstream=500)

    assert trip(desk)[3:7] == [MEMBER_FUSE.name, "minute", "500", "500"]


def test_scopes_are_asked_in_their_order_and_a_shadow_only_says_so(desk):
    shadow = replace(MEMBER_FUSE, is_shadow=True)
    team = Fuse("team", TEAM, 600, 10_000)
    caller = replace(PLAIN, fuses=(shadow, team, ORG_FUSE))
    call = running(desk, caller)

    desk.checkpoint(call, charge=0, upstream=499)
    assert trip(desk, caller)[5] == ""
    desk.checkpoint(call, charge=0, upstream=600)

    assert trip(desk, caller)[3:7] == [team.name, "minute", "600", "600"]
    calm = replace(caller, fuses=(shadow, replace(ORG_FUSE, is_shadow=True)))
    assert trip(desk, calm)[5] == f"{shadow.name}|minute|600|500;{ORG_FUSE.name}|minute|600|500"


def test_what_is_loaded_counts_and_ages_like_what_was_counted(desk):
    seconds = [(NOW_MS - 61 * SECOND, 1000), (NOW_MS - 59 * SECOND, 200), (NOW_MS + SECOND, 300)]
    minutes = [(NOW_MS - 60 * MINUTE, 5000), (NOW_MS - 59 * MINUTE, 400)]
    desk.load(FUSED, windows={MEMBER_FUSE: (seconds, minutes)})
    desk.grant(1000)

    assert trip(desk)[3:7] == [MEMBER_FUSE.name, "minute", "500", "500"]
    desk.wait(SECOND)
    assert trip(desk)[0] == "OK"


def test_what_a_caller_without_breakers_spends_is_in_no_window(desk):
    desk.load(FULL)
    desk.grant(100)
    call = desk.admitted(PLAIN, full=50)
    before = desk.redis.hgetall(desk.keys.windows)

    desk.checkpoint(call, charge=0, upstream=1000)

    assert desk.redis.hgetall(desk.keys.windows) == before
    assert f"n:{KEY.hex}" in desk.hash(desk.keys.counters)
