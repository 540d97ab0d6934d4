"""What admission is told of a caller, word by word."""

from dataclasses import replace

from core.counters.standing import rate_field, standing_of
from tests.core.counters.desk import (
    DAY,
    DAY_MS,
    FIRST,
    FULL,
    KEY,
    KEY_LIMIT,
    MEMBER,
    MEMBER_BUDGET,
    MEMBER_FUSE,
    MONDAY,
    NOW_MS,
    ORG_FUSE,
    PLAIN,
    SESSION,
    TEAM,
    TOKENS,
)


def test_what_a_call_counts_against_comes_in_three_lists():
    standing = standing_of(replace(FULL, quotas=(TOKENS,)), NOW_MS)

    month = f"m|{FIRST}|{DAY}|{FIRST}".encode()
    ends = b"%d" % ((FIRST + 30) * DAY_MS)
    starts, stops = (b"%d" % (moment.timestamp() * 1000) for moment in (TOKENS.start_at, TOKENS.end_at))
    assert standing.against[1:] == [
        b"2", MEMBER_FUSE.name.encode(), b"500", b"900", b"0", ORG_FUSE.name.encode(), b"500", b"900", b"0",
        b"3",
        f"k:{KEY.hex}|1000|d|{DAY}|{DAY}|{FIRST}".encode(), b"%d" % (DAY * DAY_MS), b"%d" % ((DAY + 1) * DAY_MS),
        b"m:%b|1000|%b" % (MEMBER.hex.encode(), month), b"%d" % (FIRST * DAY_MS), ends,
        b"t:%b|1000|%b" % (TEAM.hex.encode(), month), b"%d" % (FIRST * DAY_MS), ends,
        b"1", f"{TOKENS.name}|t|1000".encode(), starts, stops, b"0",
    ]  # fmt: skip


def test_a_subject_without_a_limit_is_counted_all_the_same():
    week = replace(KEY_LIMIT, limit_n=None, period="week")

    standing = standing_of(replace(PLAIN, subjects=(week, MEMBER_BUDGET)), NOW_MS)

    assert standing.against[3] == f"k:{KEY.hex}|-|w|{MONDAY}|{DAY}|{FIRST}".encode()


def test_what_was_worked_out_for_a_day_is_used_again_and_not_on_the_next():
    caller = replace(FULL)

    first, again = standing_of(caller, NOW_MS), standing_of(caller, NOW_MS)
    later = standing_of(caller, NOW_MS + DAY_MS)

    assert again is first
    assert later.against[0] == b"%d" % (DAY + 1)
    assert later.against[11].endswith(f"d|{DAY + 1}|{DAY + 1}|{FIRST}".encode())


def test_calls_of_a_member_share_the_member_s_rate():
    assert rate_field(replace(PLAIN, rpm_owner=SESSION)) == SESSION.hex.encode()
    assert rate_field(PLAIN) == MEMBER.hex.encode()
