"""What counters are loaded with, word by word; what load.lua makes of it is tested with it."""

from dataclasses import replace

from core.charging.bases import Bases, Window
from core.counters import loads
from tests.core.counters.desk import (
    DAY,
    DAY_MS,
    FIRST,
    FULL,
    GEN,
    KEY,
    KEY_LIMIT,
    MEMBER_BUDGET,
    MEMBER_FUSE,
    MONDAY,
    NOW_MS,
    TOKENS,
)


def test_bases_are_named_by_the_period_they_are_of():
    assert loads.base_field(KEY_LIMIT, NOW_MS) == f"k:{KEY.hex}@d{DAY}:b"
    assert loads.base_field(replace(KEY_LIMIT, period="week"), NOW_MS) == f"k:{KEY.hex}@w{MONDAY}:b"
    assert loads.base_field(MEMBER_BUDGET, NOW_MS) == f"{MEMBER_BUDGET.name}@m{FIRST}:b"
    assert loads.base_field(MEMBER_BUDGET, NOW_MS + 16 * DAY_MS) == f"{MEMBER_BUDGET.name}@m{FIRST + 30}:b"
    assert loads.quota_field(TOKENS) == f"{TOKENS.name}:b"


def test_a_load_tells_versions_bases_and_windows():
    window = Window(MEMBER_FUSE.name, [(1000, 5)], [(60_000, 6), (120_000, 7)])
    bases = Bases([(KEY_LIMIT, 3)], [(TOKENS, 4)], [window], NOW_MS, wallet_ver=9, key_ver=8, holds_ms=2000)

    request = loads.load(FULL, bases, gen=GEN)

    assert request.args == [
        GEN.encode(), b"9", KEY.hex.encode(), b"8", b"2000",
        b"2", f"k:{KEY.hex}@d{DAY}:b".encode(), b"3", f"{TOKENS.name}:b".encode(), b"4",
        b"1", MEMBER_FUSE.name.encode(), b"3", b"s", b"1000", b"5", b"m", b"60000", b"6", b"m", b"120000", b"7",
    ]  # fmt: skip
    assert [key.split(b":")[2] for key in request.keys] == [b"C", b"B", b"G"]


def test_the_breaker_over_everything_is_loaded_as_a_wallet_of_nobody():
    request = loads.load_global(Window("g", [(1000, 5)]), gen=GEN)

    assert request.args == [GEN.encode(), b"1", b"-", b"1", b"0", b"0", b"1", b"g", b"1", b"s", b"1000", b"5"]
    assert request.keys[1] == b"bl:{b000}:B:" + b"0" * 32


def test_what_is_counted_globally_comes_with_its_limits():
    assert loads.count_globally(5, minute_n=6, hour_n=7).args == [b"5", b"6", b"7"]
