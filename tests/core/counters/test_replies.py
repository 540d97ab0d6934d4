"""What scripts answer, as values; that they do answer so is tested with each of them."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from core.charging.calls import Admitted, Stale, TooFast, Tripped
from core.counters import replies
from core.counters.replies import Again, Extension, Held
from core.rules.admission import Deny
from core.rules.rates import Rate
from tests.core.counters.desk import GEN, KEY, MEMBER, PLAIN, call_of

CALL = call_of(replace(PLAIN, rpm=20), full=100, floor=7, tokens=9, points=2)
RATE = Rate(20, 4, 13)  # until the second is over


def read(*words, call=CALL):
    return replies.admission([str(word).encode() for word in words], call, gen=GEN)


def test_an_admitted_call_has_its_hold_and_its_rate():
    assert read("OK", 4, 12_001, 50, 1, "", 99) == Held(Admitted(50, RATE, GEN), is_low=True, shadows=())


def test_a_call_asked_again_knows_nothing_of_rates():
    assert read("OK", -1, 0, 50, 0, "dup", 99) == Held(Admitted(50, None, GEN), is_low=False, shadows=())


def test_without_a_limit_of_calls_a_minute_there_is_no_rate():
    free = call_of(PLAIN)

    assert read("OK", -1, 0, 50, 0, "", 99, call=free).admitted == Admitted(50, None, GEN)
    assert read("BUSY", 0, 0, 3, call=free).rate is None


@pytest.mark.parametrize(
    ("arrival", "remaining", "reset"),
    [
        (None, 20, 1001),
        (b"7000000", 20, 1001),
        (b"1000500001", 19, 1001),
        (b"1003500000", 19, 1004),
        (b"1060499999", 0, 1061),
        (b"1063500000", 0, 1064),
    ],
)
def test_where_a_caller_stands_is_told_by_the_clock_of_redis(arrival, remaining, reset):
    """It is 1,000.5 s there; each of the 20 calls takes 3 s to be there again."""
    told = replies.rate(arrival, [b"1000", b"500000"], limit=20)

    assert told == Rate(20, remaining, reset)


def test_shadows_say_what_would_have_refused():
    held = read("OK", 4, 12_001, 50, 0, f"m:{MEMBER.hex}|minute|501|500;o:{KEY.hex}|hour|9|8", 99)

    assert held.shadows == (
        Tripped("member", "minute", 0, spent_n=501, limit_n=500, subject_id=MEMBER, is_shadow=True),
        Tripped("org", "hour", 0, spent_n=9, limit_n=8, subject_id=KEY, is_shadow=True),
    )


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        (("STALE",), Stale()),
        (("DONE",), Stale()),
        (("REGEN",), Again("generation")),
        (("LOAD",), Again("counters")),
        (("CLOCK", 1234), Again("clock", ms=1234)),
        (("NOLEASE", 4, 12_001, "none"), Again("lease")),
        (("NOLEASE", 4, 12_001, "expired"), Again("lease")),
        (("NOLEASE", 4, 12_001, "short"), Again("lease", is_short=True)),
        (("SETTLING", 4, 12_001, 1500), Again("settling", ms=1500)),
        (("RATE", 0, 12_001, 20, 3000), TooFast(20, 3000, Rate(20, 0, 13))),
        (("BUSY", 4, 12_001, 3), TooFast(3, 1000, RATE, at_once=True)),
        (("GLOBAL", 4, 12_001, 700), Tripped("global", "minute", 700, rate=RATE)),
        (
            ("BREAKER", 4, 12_001, f"t:{KEY.hex}", "hour", 900, 800, 60_000),
            Tripped("team", "hour", 60_000, spent_n=900, limit_n=800, subject_id=KEY, rate=RATE),
        ),
        (("SHORT", 4, 12_001, 6, 30), Deny("wallet", 7, 6, 30, rate=RATE)),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_each_answer_has_its_meaning(words, meaning):
    assert read(*words) == meaning


@pytest.mark.parametrize(
    ("name", "unit", "scope", "needed", "told"),
    [
        (f"k:{KEY.hex}", "u", "key", 7, "usd"),
        (f"m:{KEY.hex}", "u", "member", 7, "usd"),
        (f"t:{KEY.hex}", "u", "team", 7, "usd"),
        (f"p:{KEY.hex}:t@1", "t", "plan", 9, "tokens"),
        (f"p:{KEY.hex}:p@1", "p", "plan", 2, "points"),
        (f"e:{KEY.hex}:r@1", "r", "session", 1, "requests"),
    ],
)
def test_a_limit_says_whose_it_is_how_much_is_used_and_when_it_begins_anew(name, unit, scope, needed, told):
    assert read("LIMIT", 4, 12_001, name, unit, 100, 60, 35, 5000) == Deny(
        scope,
        needed_n=needed,
        available_n=5,
        held_n=35,
        limit_n=100,
        resets_at=datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC),
        unit=told,
        rate=RATE,
    )


@pytest.mark.parametrize("answer", ["BADARG", "WHAT"])
def test_an_answer_that_makes_no_sense_is_an_error(answer):
    with pytest.raises(ValueError, match=answer):
        read(answer, 0, 0)
    with pytest.raises(ValueError, match=answer):
        replies.extension([answer.encode()])


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ((b"OK", b"15", b"1"), Extension(15, is_low=True)),
        ((b"OK", b"0", b"0"), Extension(0, is_low=False)),
        ((b"GONE",), Extension(0, is_low=False)),
        ((b"NOLEASE", b"short"), Again("lease", is_short=True)),
        ((b"NOLEASE", b"expired"), Again("lease")),
        ((b"REGEN",), Again("generation")),
    ],
)
def test_each_answer_to_an_extension_has_its_meaning(words, meaning):
    assert replies.extension(words) == meaning


def test_subjects_of_trips_are_ids():
    assert read("BREAKER", 4, 1, f"o:{UUID(int=5).hex}", "minute", 1, 1, 1).subject_id == UUID(int=5)
