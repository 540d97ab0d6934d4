"""A call holds its worst case, a slice, or what is left; never what somebody else has."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.admission import Admit, Deny, Funds, KeyLimit, Want, decide, extension, within_means

SOON = datetime(2026, 2, 1, tzinfo=UTC)
WANT = Want(full_n=100, slice_n=40, floor_n=10)
AMOUNTS = st.integers(-(10**6), 10**6)
POSITIVE = st.integers(0, 10**6)
FUNDS = st.builds(Funds, AMOUNTS, POSITIVE, POSITIVE, POSITIVE)
LIMITS = st.none() | st.builds(KeyLimit, POSITIVE, POSITIVE, POSITIVE, st.just(SOON))
WANTS = st.tuples(POSITIVE, POSITIVE, POSITIVE).map(sorted).map(lambda w: Want(w[2], w[1], w[0]))


def funds(free: int) -> Funds:
    return Funds(balance_n=free + 30, credit_limit_n=20, leased_n=10, held_n=40)


def limit(free: int) -> KeyLimit:
    return KeyLimit(limit_n=free + 50, spent_n=20, held_n=30, resets_at=SOON)


@pytest.mark.parametrize(
    ("free", "held"), [(1000, 100), (100, 100), (99, 40), (40, 40), (39, 39), (11, 11), (10, 10)]
)
def test_the_hold_is_the_worst_case_or_a_slice_or_the_rest(free, held):
    assert decide(WANT, funds(free), None) == Admit(held)
    assert decide(WANT, funds(10_000), limit(free)) == Admit(held)
    assert decide(WANT, funds(free), limit(10_000)) == Admit(held)


@pytest.mark.parametrize("free", [9, 1, 0, -5])
def test_below_the_floor_there_is_no_admission(free):
    assert decide(WANT, funds(free), None) == Deny("wallet", 10, free, 40)
    assert decide(WANT, funds(1000), limit(free)) == Deny("key", 10, free, 30, free + 50, SOON)


def test_the_key_is_asked_before_the_wallet():
    verdict = decide(WANT, funds(0), limit(0))

    assert isinstance(verdict, Deny)
    assert verdict.scope == "key"


def test_the_last_nano_dollar_can_be_held():
    assert decide(Want(full_n=1, slice_n=1, floor_n=1), funds(1), None) == Admit(1)
    assert decide(Want(full_n=100, slice_n=1, floor_n=0), funds(0), None) == Deny("wallet", 0, 0, 40)


@pytest.mark.parametrize("free", [0, 5, -5])
def test_a_free_model_needs_nothing(free):
    assert decide(Want(0, 0, 0), funds(free), limit(free)) == Admit(0)


@given(WANTS, FUNDS, LIMITS)
def test_a_hold_is_never_more_than_is_there_or_asked(want, purse, cap):
    verdict = decide(want, purse, cap)

    if isinstance(verdict, Admit):
        assert 0 <= verdict.hold_n <= want.full_n
        assert verdict.hold_n == 0 or verdict.hold_n <= purse.available_n
        assert verdict.hold_n == 0 or cap is None or verdict.hold_n <= cap.available_n
        assert verdict.hold_n >= want.floor_n
    else:
        assert want.full_n > 0
        assert verdict.available_n < max(1, want.floor_n)


@given(POSITIVE, FUNDS, LIMITS)
def test_an_extension_is_what_there_is(more, purse, cap):
    added = extension(more_n=more, funds=purse, limit=cap)

    rooms = [purse.available_n] + ([cap.available_n] if cap else [])
    assert added == max(0, min(more, *rooms))


@given(POSITIVE, POSITIVE, FUNDS, LIMITS)
def test_a_charge_above_its_hold_takes_only_what_nobody_holds(charge, held, purse, cap):
    taken = within_means(charge, hold_n=held, funds=purse, limit=cap)

    assert taken <= charge
    assert taken == charge or taken >= held
    assert max(0, taken - held) <= max(0, purse.available_n)
    assert cap is None or max(0, taken - held) <= max(0, cap.available_n)
    if charge <= held:
        assert taken == charge
