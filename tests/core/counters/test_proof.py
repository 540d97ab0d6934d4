"""Values in, differences out; tests of the reconciler prove it against real servers."""

from datetime import date
from uuid import UUID

import pytest

from core.charging.accounts import Account, Accounts
from core.counters.proof import (
    ADDS_UP,
    BASES,
    COUNTERS_SPENT,
    GRANTED,
    HOLDS,
    RETURNED,
    SPENT,
    days_of,
    proved_against,
    proved_alone,
)
from core.counters.views import Back, Purse, Underway
from core.ids import uuid7
from core.rules.periods import DAY_MS, EPOCH
from tests.core.counters.test_views import WALLET, view

GEN = "4:5"
NAME = f"k:{UUID(int=2).hex}"
DAY = (date(2026, 2, 10) - EPOCH).days
CALL = uuid7(DAY * DAY_MS + 5)


def event(amount_n, *, rank=2, gen=GEN, call=CALL):
    return Underway(call, rank, amount_n, gen, (NAME,))


def differences(seen, *, booked=None, spent=None, before=None, **account):
    accounts = Accounts({WALLET: Account(**account)}, booked or {}, spent or {}, before or {})
    return [(one.check, one.expected, one.found) for one in proved_against(seen, accounts, gen=GEN)]


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        (f"{NAME}@d{DAY}:s", DAY, DAY),
        (f"{NAME}@w{DAY - 1}:b", DAY - 1, DAY + 5),
        (f"{NAME}@m{DAY - 9}:s", DAY - 9, DAY + 18),
    ],
)
def test_a_field_tells_whose_it_is_and_of_which_days(name, first, last):
    whose, days = days_of(name)

    assert (whose, days[0], days[-1]) == (NAME, first, last)


@pytest.mark.parametrize(
    "name", ["gen", "p:" + "0" * 32 + ":t@1700000000000:s", f"{NAME}@y5:s", f"{NAME}@d5:h"]
)
def test_other_fields_are_of_no_subject(name):
    assert days_of(name) is None


def test_what_a_pool_has_is_what_it_was_granted_and_did_not_return():
    right = view(purse=Purse(free_n=10, held_n=20, spent_n=30, granted_n=65, returned_n=5), holds_n=20)
    wrong = view(purse=Purse(free_n=11, held_n=20, spent_n=30, granted_n=65, returned_n=5), holds_n=19)

    assert list(proved_alone(right)) == []
    assert [(one.check, one.expected, one.found) for one in proved_alone(wrong)] == [
        (ADDS_UP, 60, 61),
        (HOLDS, 19, 20),
    ]


def test_holds_too_many_to_look_through_are_not_judged():
    assert list(proved_alone(view(purse=Purse(held_n=5, granted_n=5), is_crowded=True))) == []


@pytest.mark.parametrize(
    ("events", "booked", "spent_n"),
    [
        ([], {}, 100),
        ([event(30)], {}, 130),
        ([event(30)], {CALL: (2, 30)}, 100),  # booked, and not yet removed
        ([event(30)], {CALL: (1, 50)}, 80),  # a guess is booked, the truth is on its way
        ([event(30), event(50, rank=1)], {}, 130),
        ([event(50, rank=1), event(30)], {CALL: (1, 50)}, 80),
        ([event(50, rank=1)], {CALL: (2, 30)}, 100),
        ([event(30)], {CALL: (0, 0)}, 130),
        ([event(30, gen="3:5")], {}, 100),
    ],
)
def test_what_is_on_its_way_counts_by_what_it_will_change(events, booked, spent_n):
    seen = view(purse=Purse(spent_n=spent_n), events=events, is_counting=False)

    assert differences(seen, booked=booked, posted_n=100) == []
    assert differences(seen, booked=booked, posted_n=101) == [(SPENT, spent_n + 1, spent_n)]


def test_what_was_set_aside_is_on_its_way():
    seen = view(purse=Purse(spent_n=130), is_counting=False)
    aside = [{"k": "2", "r": CALL.hex, "g": GEN, "a": "30", "e": "{}"}, {"k": "odd"}]

    assert differences(seen, posted_n=100, aside=aside) == []


def test_leases_and_returns_are_compared_with_what_redis_may_know():
    seen = view(
        purse=Purse(granted_n=50, returned_n=9), events=[Back(9, GEN), Back(20, "3:5")], is_counting=False
    )

    assert differences(seen, leased_n=50, returned_n=5) == []
    assert differences(seen, leased_n=60, returned_n=10) == [(GRANTED, 60, 50), (RETURNED, 10, 9)]


def test_counters_are_the_sums_of_their_days_and_what_is_on_its_way():
    seen = view(
        events=[event(30)],
        purse=Purse(spent_n=30),
        spent={f"{NAME}@d{DAY}:s": 80, f"{NAME}@m{DAY - 9}:s": 90},
        bases={f"{NAME}@m{DAY - 9}:b": 7},
    )
    spent = {(NAME, DAY): 50, (NAME, DAY - 1): 10, (NAME, DAY - 10): 1000}

    assert differences(seen, spent=spent, before={(NAME, DAY): 3, (NAME, DAY + 1): 4}) == []
    assert differences(seen, spent={**spent, (NAME, DAY): 51}) == [
        (COUNTERS_SPENT, 81, 80),
        (COUNTERS_SPENT, 91, 90),
        (BASES, 0, 7),
    ]


def test_a_key_that_called_today_has_a_counter():
    seen = view(ms=DAY * DAY_MS)
    spent = {(NAME, DAY): 50, (NAME, DAY - 2): 10}

    assert differences(seen, spent=spent, keys={NAME}) == [(COUNTERS_SPENT, 50, 0)]
    assert differences(seen, spent=spent) == []


def test_nothing_is_compared_with_postgres_that_cannot_be():
    assert differences(view(purse=Purse(granted_n=5, spent_n=7), is_behind=True)) == []
