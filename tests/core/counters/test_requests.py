"""What is sent to scripts, word by word; what they make of it is tested with each of them."""

import json
from dataclasses import replace
from uuid import UUID

from core.charging.calls import Ending
from core.counters import requests
from core.counters.requests import Terms
from core.money import Nanos
from core.rules.prices import Cost, Usage
from tests.core.counters.desk import (
    DAY,
    DAY_MS,
    FIRST,
    FULL,
    GEN,
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
    WALLET,
    call_of,
)

BOOT = UUID(int=8)


def admission(caller, **wanted):
    call = call_of(caller, **wanted)
    return call, requests.admit(call, Terms(GEN, BOOT, 60_000, 7), now_ms=NOW_MS, partial=True)


def test_an_admission_is_told_all_that_decides_about_it():
    call, request = admission(
        replace(PLAIN, rpm=20, at_once=50), full=100, part=40, floor=5, tokens=9, points=2
    )

    *head, facts, wallet, today, _, _, _ = request.args
    assert head == [
        GEN.encode(), b"1", KEY.hex.encode(), b"1", call.request_id.hex.encode(), b"100", b"40", b"5", b"1", b"9",
        b"2", b"60000", b"20", MEMBER.hex.encode(), b"50", b"7", BOOT.hex.encode(),
    ]  # fmt: skip
    assert json.loads(facts)["key_id"] == str(KEY)
    assert (wallet, today) == (WALLET.hex.encode(), b"%d" % DAY)
    assert [key.split(b":")[2] for key in request.keys] == [b"P", b"H", b"Z", b"C", b"B", b"R", b"T", b"G"]


def test_what_a_call_counts_against_comes_in_three_lists():
    _, request = admission(replace(FULL, quotas=(TOKENS,)))

    month = f"m|{FIRST}|{DAY}|{FIRST}".encode()
    ends = b"%d" % ((FIRST + 30) * DAY_MS)
    starts, stops = (b"%d" % (moment.timestamp() * 1000) for moment in (TOKENS.start_at, TOKENS.end_at))
    assert request.args[20:] == [
        b"2", MEMBER_FUSE.name.encode(), b"500", b"900", b"0", ORG_FUSE.name.encode(), b"500", b"900", b"0",
        b"3",
        f"k:{KEY.hex}|1000|d|{DAY}|{DAY}|{FIRST}".encode(), b"%d" % (DAY * DAY_MS), b"%d" % ((DAY + 1) * DAY_MS),
        b"m:%b|1000|%b" % (MEMBER.hex.encode(), month), b"%d" % (FIRST * DAY_MS), ends,
        b"t:%b|1000|%b" % (TEAM.hex.encode(), month), b"%d" % (FIRST * DAY_MS), ends,
        b"1", f"{TOKENS.name}|t|1000".encode(), starts, stops, b"0",
    ]  # fmt: skip


def test_a_subject_without_a_limit_is_counted_all_the_same():
    week = replace(KEY_LIMIT, limit_n=None, period="week")
    _, request = admission(replace(PLAIN, subjects=(week, MEMBER_BUDGET)))

    assert request.args[22] == f"k:{KEY.hex}|-|w|{MONDAY}|{DAY}|{FIRST}".encode()


def test_what_was_worked_out_for_a_day_is_not_used_on_the_next():
    call, first = admission(FULL)
    again = requests.admit(call, Terms(GEN, BOOT, 60_000), now_ms=NOW_MS, partial=False)
    later = requests.admit(call, Terms(GEN, BOOT, 60_000), now_ms=NOW_MS + DAY_MS, partial=False)

    assert again.args[19:] == first.args[19:]
    assert later.args[19] == b"%d" % (DAY + 1)
    assert later.args[30].endswith(f"d|{DAY + 1}|{DAY + 1}|{FIRST}".encode())


def test_calls_of_a_member_share_the_member_s_rate():
    assert requests.rate_field(replace(PLAIN, rpm_owner=SESSION)) == SESSION.hex.encode()
    assert requests.rate_field(PLAIN) == MEMBER.hex.encode()


ENDING = Ending(
    provider="acme",
    usage=Usage(input_tokens=11, output_tokens=5),
    cost=Cost(upstream_n=Nanos(20), charge_n=Nanos(30)),
    status=200,
    reason="ok",
)


def test_an_end_is_absolute_and_says_what_was_used():
    call, _ = admission(PLAIN, points=3)

    end = requests.ended(call, ENDING, gen=GEN, hold_n=50)

    assert (end.charge_n, end.upstream_n, end.tokens, end.points, end.requests, end.hold_n) == (
        30,
        20,
        16,
        3,
        1,
        50,
    )
    assert json.loads(end.base)["points"] == 3
    request = requests.settlement(end)
    assert request.args[:10] == [
        b"final", call.request_id.hex.encode(), WALLET.hex.encode(), GEN.encode(),
        b"30", b"20", b"16", b"3", b"1", b"50",
    ]  # fmt: skip
    assert request.args[10:] == [end.base.encode(), end.final.encode()]
    assert [key.split(b":")[2] for key in request.keys] == [b"P", b"H", b"Z", b"C", b"B", b"T", b"S", b"G"]


def test_a_call_that_failed_for_nothing_is_not_counted():
    call, _ = admission(PLAIN, points=3)
    failed = replace(ENDING, usage=Usage(), cost=Cost(), status=502)

    end = requests.ended(call, failed, gen=GEN, hold_n=50)

    assert (end.charge_n, end.points, end.requests) == (0, 0, 0)
    assert json.loads(end.base)["points"] == 0


def test_a_sweep_says_nothing_of_amounts():
    request = requests.sweep(7, WALLET, UUID(int=5))

    assert request.args == [
        b"orphan",
        UUID(int=5).hex.encode(),
        WALLET.hex.encode(),
        b"",
        *[b"0"] * 6,
        b"",
        b"",
    ]


def test_a_version_is_of_the_wallet_or_of_a_key():
    assert requests.bump(7, WALLET, key_id=None, ver=4).args == [b"w", b"4"]
    assert requests.bump(7, WALLET, key_id=KEY, ver=5).args == [b"v:" + KEY.hex.encode(), b"5"]


def test_a_script_is_read_once():
    assert requests.script("admit") is requests.script("admit")
