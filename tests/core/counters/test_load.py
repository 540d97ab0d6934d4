"""What Redis is told of versions and of what earlier generations counted."""

from dataclasses import replace

import pytest

from core.counters import loads
from tests.core.counters.desk import (
    DAY,
    FIRST,
    FULL,
    GEN,
    KEY,
    KEY_LIMIT,
    MEMBER_BUDGET,
    MEMBER_FUSE,
    NOW_MS,
    PLAIN,
    TOKENS,
)

NEXT = "4:1"


def facts(desk, *names):
    row = desk.hash(desk.keys.counters)
    return tuple(row.get(name) for name in names)


def test_versions_and_bases_are_kept(desk):
    assert desk.load(FULL, {KEY_LIMIT: 5, MEMBER_BUDGET: 6, TOKENS: 7}) == ["OK"]

    assert facts(desk, "gen", "since", "w", f"v:{KEY.hex}") == (GEN, GEN.split(":")[1], "1", "1")
    assert facts(
        desk, f"{KEY_LIMIT.name}@d{DAY}:b", f"{MEMBER_BUDGET.name}@m{FIRST}:b", f"{TOKENS.name}:b"
    ) == ("5", "6", "7")
    assert facts(desk, f"{TOKENS.name}:bx") == (None,)


def test_what_is_exact_stays(desk):
    desk.load(FULL, {KEY_LIMIT: 5})

    desk.load(FULL, {KEY_LIMIT: 6})
    desk.load(FULL, {KEY_LIMIT: 7}, holds_ms=2000)

    assert facts(desk, f"{KEY_LIMIT.name}@d{DAY}:b", f"{KEY_LIMIT.name}@d{DAY}:bx") == ("5", None)


def test_a_bound_gives_way_to_a_later_one_and_to_the_exact(desk):
    names = (f"{KEY_LIMIT.name}@d{DAY}:b", f"{KEY_LIMIT.name}@d{DAY}:bx")

    desk.load(FULL, {KEY_LIMIT: 7}, holds_ms=2000)
    assert facts(desk, *names) == ("7", str(NOW_MS + 2000))
    desk.wait(500)
    desk.load(FULL, {KEY_LIMIT: 6}, holds_ms=2000)
    assert facts(desk, *names) == ("6", str(NOW_MS + 2500))
    desk.load(FULL, {KEY_LIMIT: 5})
    assert facts(desk, *names) == ("5", None)


def test_versions_never_go_back(desk):
    desk.load(replace(PLAIN, wallet_ver=10, key_ver=20))

    desk.load(replace(PLAIN, wallet_ver=9, key_ver=19))
    assert desk.bump(9) == ["OK"]
    assert desk.bump(19, key_id=KEY) == ["OK"]
    assert facts(desk, "w", f"v:{KEY.hex}") == ("10", "20")

    desk.bump(11)
    desk.bump(21, key_id=KEY)
    assert facts(desk, "w", f"v:{KEY.hex}") == ("11", "21")


def test_a_new_generation_begins_with_nothing(desk):
    desk.load(FULL, {KEY_LIMIT: 5}, {MEMBER_FUSE: ([(NOW_MS, 400)], [(NOW_MS, 400)])})
    desk.turn(NEXT)

    desk.load(FULL, gen=NEXT)

    assert facts(desk, "gen", "since", f"{KEY_LIMIT.name}@d{DAY}:b") == (NEXT, "1", "0")
    assert desk.hash(desk.keys.windows)[f"{MEMBER_FUSE.name}:ws"] == "0"


def test_a_bump_in_a_new_generation_knows_that_version_alone(desk):
    desk.load(FULL, {KEY_LIMIT: 5})
    desk.turn(NEXT)

    assert desk.bump(7) == ["OK"]

    assert desk.hash(desk.keys.counters) == {"gen": NEXT, "since": "1", "w": "7"}
    assert desk.admit(desk.call(FULL), gen=NEXT) == ["LOAD"]


def test_windows_that_are_kept_are_not_loaded_again(desk):
    desk.load(FULL, {}, {MEMBER_FUSE: ([(NOW_MS, 400)], [(NOW_MS, 400)])})

    desk.load(FULL, {}, {MEMBER_FUSE: ([(NOW_MS, 100)], [(NOW_MS, 100)])})

    row = desk.hash(desk.keys.windows)
    assert (row[f"{MEMBER_FUSE.name}:ws"], row[f"{MEMBER_FUSE.name}:wm"]) == ("400", "400")


def test_nothing_is_told_to_another_generation(desk):
    before = desk.everything()

    assert desk.load(FULL, gen=NEXT) == ["REGEN"]
    assert desk.everything() == before
    desk.redis.delete(desk.keys.bucket.generation)
    assert desk.bump(2) == ["REGEN"]


def numbers(request):
    """The places of all arguments that are numbers; the third is a key."""
    return [at for at, word in enumerate(request.args) if word.isdigit() and at != 2]


@pytest.mark.parametrize("text", ["nan", "-1", "0x10", "1e3", "", "1" * 17, "9007199254740993"])
def test_what_is_no_whole_number_is_refused_and_nothing_is_written(text, desk):
    window = ([(NOW_MS - 1000, 5)], [(NOW_MS - 1000, 5)])
    desk.load(FULL, {KEY_LIMIT: 3}, {MEMBER_FUSE: window}, holds_ms=5)
    before = desk.everything()
    sent = []
    desk.run, run = sent.append, desk.run
    desk.load(FULL, {KEY_LIMIT: 3}, {MEMBER_FUSE: window}, holds_ms=5)
    (request,) = sent

    for at in numbers(request):
        args = list(request.args)
        args[at] = text.encode()
        assert run(replace(request, args=args)) == ["BADARG"], at
    for n in range(5, len(request.args)):
        assert run(replace(request, args=request.args[:n])) == ["BADARG"], n

    assert desk.everything() == before


@pytest.mark.parametrize("text", ["nan", "-1", "0x10", "1e3", "", "1" * 17])
def test_a_version_that_is_no_whole_number_is_refused(text, desk):
    sent = []
    desk.run, run = sent.append, desk.run
    desk.bump(2)

    assert run(replace(sent[0], args=[b"w", text.encode()])) == ["BADARG"]
    assert not desk.redis.exists(desk.keys.counters)


def test_the_breaker_over_everything_begins_with_what_was_spent_lately(desk):
    window = loads.Window("g", [(NOW_MS - 2000, 80)], [(NOW_MS - 2000, 80)])
    desk.redis.set("bl:{b000}:G", GEN)

    assert desk.run(loads.load_global(window, gen=GEN)) == ["OK"]
    assert desk.run(loads.count_globally(19, minute_n=100, hour_n=0)) == ["CLOSED"]
    assert desk.run(loads.count_globally(1, minute_n=100, hour_n=0)) == ["OPEN", "minute", "58000"]
    desk.wait(58_000)
    assert desk.run(loads.count_globally(0, minute_n=100, hour_n=100)) == [
        "OPEN",
        "hour",
        "3482000",
    ]  # 11:59 ends its hour at 12:59
    assert desk.run(loads.count_globally(0, minute_n=100, hour_n=101)) == ["CLOSED"]
    assert desk.run(loads.count_globally(0, minute_n=0, hour_n=0)) == ["CLOSED"]


def test_the_breaker_over_everything_is_loaded_first(desk):
    desk.redis.set("bl:{b000}:G", GEN)

    assert desk.run(loads.count_globally(1, minute_n=1, hour_n=1)) == ["LOAD"]
    desk.run(loads.load_global(loads.Window("g"), gen=GEN))
    desk.redis.set("bl:{b000}:G", NEXT)
    assert desk.run(loads.count_globally(1, minute_n=1, hour_n=1)) == ["LOAD"]
    desk.redis.delete("bl:{b000}:G")
    assert desk.run(loads.count_globally(1, minute_n=1, hour_n=1)) == ["LOAD"]


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("text", ["nan", "-1", "0x10", "1e3", "", "1" * 17])
def test_the_breaker_over_everything_counts_whole_numbers(place, text, desk):
    request = loads.count_globally(1, minute_n=1, hour_n=1)
    args = list(request.args)
    args[place] = text.encode()

    assert desk.run(replace(request, args=args)) == ["BADARG"]
