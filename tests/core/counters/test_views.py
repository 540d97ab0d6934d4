import json
from uuid import UUID

import pytest

from core.counters.keys import wallet_keys
from core.counters.views import Back, Purse, Underway, View, look, seen, underway
from core.ids import uuid7

WALLET, KEY, TEAM = UUID(int=1), UUID(int=2), UUID(int=3)
CALL = uuid7()
BASE = json.dumps({"key_id": str(KEY), "member_id": None, "team_id": str(TEAM), "model_id": "acme/tiny"})
EVENT = {"k": "2", "r": CALL.hex, "g": "4:5", "a": "700", "e": BASE}
REPLY = [
    b"OK",
    b"0",
    [b"3", b"10", b"20", b"30", b"65", b"5"],
    [b"1000", b"20", b"1", b"0", b"1", b"1"],
    [b"k:x@d1:h", b"20", b"19"],
    [b"k:x@d1:s", b"30"],
    [b"k:x@m1:b", b"40"],
    [
        [b"2", CALL.hex.encode(), b"4:5", b"700", BASE.encode(), b""],
        [b"return", b"", b"4:5", b"5", b"", b""],
        [b""] * 6,
    ],
]


def view(**fields):
    known = {"wallet_id": WALLET, "ms": 0, "holds_n": 0, "lost": 0, "purse": Purse()}
    return View(**{**known, "is_crowded": False, "is_behind": False, "is_counting": True, **fields})


def test_a_look_asks_for_a_wallet_in_its_bucket_from_a_place_on():
    request = look(wallet_keys(7, WALLET), gen="4:5", cursor=b"12")

    assert request.args[:4] == [b"4:5", WALLET.hex.encode(), b"bl:{b007}:H:", b"12"]
    assert all(key.startswith(b"bl:{b007}:") for key in request.keys)


@pytest.mark.parametrize(
    ("kind", "amount", "final", "used"),
    [
        ("2", 700, {"input_tokens": 4, "output_tokens": 5, "status": 200}, (9, 3, 1)),
        ("2", 0, {"input_tokens": 4, "output_tokens": 5, "status": 200}, (9, 3, 1)),
        ("2", 0, {"input_tokens": 4, "output_tokens": 5, "status": 502}, (0, 0, 0)),
        ("2", 700, {"input_tokens": "many"}, (0, 0, 0)),
        ("1", 700, "600|9|1000", (9, 0, 1)),
        ("1", 0, "600|9|1000", (0, 0, 0)),
        ("1", 700, "600", (0, 0, 0)),
    ],
)
def test_an_event_tells_what_will_be_booked_of_quotas(kind, amount, final, used):
    base = json.dumps({"key_id": str(KEY), "quotas": ["p:8"]})
    text = final if isinstance(final, str) else json.dumps({**final, "points": 3})

    [event] = underway({**EVENT, "k": kind, "a": str(amount), "e": base, "f": text})

    assert event.quotas == ("p:8",)
    assert (event.tokens, event.points, event.requests) == used


def test_an_answer_is_read_into_numbers():
    found, cursor = seen(WALLET, REPLY)

    assert cursor == b"0"
    assert found.purse == Purse(seq=3, free_n=10, held_n=20, spent_n=30, granted_n=65, returned_n=5)
    assert (found.ms, found.holds_n, found.lost) == (1000, 20, 1)
    assert (found.is_crowded, found.is_behind, found.is_counting) == (False, True, True)
    assert (found.odd, found.spent, found.bases) == (
        [("k:x@d1:h", 20, 19)],
        {"k:x@d1:s": 30},
        {"k:x@m1:b": 40},
    )
    assert found.events == [
        Underway(CALL, 2, 700, "4:5", (f"k:{KEY.hex}", f"t:{TEAM.hex}")),
        Back(5, "4:5"),
    ]
    assert [event.request_id for event in found.settlements] == [CALL]


def test_another_generation_is_nothing():
    assert seen(WALLET, [b"REGEN"]) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"a": "-1"},
        {"a": "x"},
        {"k": "3"},
        {"r": "x"},
        {"r": "f" * 32},  # beyond the calendar
        {"e": "["},
        {"e": "[]"},
    ],
)
def test_an_event_no_script_wrote_is_nothing(changes):
    assert underway({**EVENT, **changes}) == []
    assert underway({}) == []


def test_steps_are_merged_and_tell_whether_the_wallet_moved():
    first = view(purse=Purse(seq=1, spent_n=5), odd=[("a", 1, 2)], spent={"b": 1})
    first.goes_on(view(purse=Purse(seq=1, spent_n=5, free_n=9), odd=[("c", 3, 4)], spent={"d": 2}))
    still = first.is_still
    first.goes_on(view(purse=Purse(seq=1, spent_n=6), bases={"e": 3}))

    assert (still, first.is_still) == (True, False)
    assert (first.odd, first.spent, first.bases) == ([("a", 1, 2), ("c", 3, 4)], {"b": 1, "d": 2}, {"e": 3})


@pytest.mark.parametrize(
    ("change", "alike"),
    [
        ({"seq": 1}, False),
        ({"spent_n": 1}, False),
        ({"granted_n": 1}, False),
        ({"returned_n": 1}, False),
        ({"free_n": 1}, True),
        ({"held_n": 1}, True),
    ],
)
def test_only_what_postgres_is_told_of_counts_as_motion(change, alike):
    assert view().resembles(view(purse=Purse(**change))) is alike
