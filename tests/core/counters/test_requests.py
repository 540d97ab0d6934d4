"""What is sent to scripts, word by word; what they make of it is tested with each of them."""

import json
from dataclasses import replace
from uuid import UUID

from msgspec import structs

from core.charging.calls import Ending
from core.counters import requests
from core.counters.requests import Terms
from core.money import Nanos
from core.rules.prices import Cost, Usage
from tests.core.counters.desk import (
    DAY,
    GEN,
    KEY,
    MEMBER,
    NOW_MS,
    PLAIN,
    WALLET,
    call_of,
)

BOOT = UUID(int=8)


def admission(caller, **wanted):
    call = call_of(caller, **wanted)
    return call, requests.admit(call, Terms(GEN, BOOT.hex.encode(), 60_000, 7), now_ms=NOW_MS, partial=True)


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
    assert json.loads(bytes(end.final))["points"] == 3
    request = requests.settlement(end)
    assert request.args[:10] == [
        b"final", call.request_id.hex.encode(), WALLET.hex.encode(), GEN.encode(),
        b"30", b"20", b"16", b"3", b"1", b"50",
    ]  # fmt: skip
    assert request.args[10:] == [bytes(end.base), bytes(end.final)]
    assert [key.split(b":")[2] for key in request.keys] == [b"P", b"H", b"Z", b"C", b"B", b"T", b"S", b"G"]


def test_a_call_that_failed_for_nothing_is_not_counted():
    call, _ = admission(PLAIN, points=3)
    failed = structs.replace(ENDING, usage=Usage(), cost=Cost(), status=502)

    end = requests.ended(call, failed, gen=GEN, hold_n=50)

    assert (end.charge_n, end.points, end.requests) == (0, 0, 0)
    assert json.loads(bytes(end.final))["points"] == 0


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
