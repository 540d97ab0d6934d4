"""A call holds its worst case, a slice, or what is left; never what somebody else has."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.admission import Admit, Budget, Deny, Funds, Want, decide, extension, within_means

SOON = datetime(2026, 2, 1, tzinfo=UTC)
WANT = Want(full_n=100, slice_n=40, floor_n=10)
AMOUNTS = st.integers(-(10**6), 10**6)
POSITIVE = st.integers(0, 10**6)
SCOPES = st.sampled_from(["key", "member", "team"])
FUNDS = st.builds(Funds, AMOUNTS, POSITIVE, POSITIVE, POSITIVE)
BUDGETS = st.lists(st.builds(Budget, SCOPES, POSITIVE, POSITIVE, POSITIVE, st.just(SOON)), max_size=3)
WANTS = st.tuples(POSITIVE, POSITIVE, POSITIVE).map(sorted).map(lambda w: Want(w[2], w[1], w[0]))


def funds(free: int) -> Funds:
    return Funds(balance_n=free + 30, credit_limit_n=20, leased_n=10, held_n=40)


def budget(free: int, scope: str = "key") -> Budget:
    return Budget(scope, limit_n=free + 50, spent_n=20, held_n=30, resets_at=SOON)


@pytest.mark.parametrize(
    ("free", "held"), [(1000, 100), (100, 100), (99, 40), (40, 40), (39, 39), (11, 11), (10, 10)]
)
def test_the_hold_is_the_worst_case_or_a_slice_or_the_rest(free, held):
    assert decide(WANT, funds(free)) == Admit(held)
    assert decide(WANT, funds(10_000), [budget(free)]) == Admit(held)
    assert decide(WANT, funds(10_000), [budget(10_000), budget(free, "member")]) == Admit(held)
    assert decide(WANT, funds(free), [budget(10_000)]) == Admit(held)


@pytest.mark.parametrize("free", [9, 1, 0, -5])
@pytest.mark.parametrize("scope", ["key", "member", "team"])
def test_below_the_floor_there_is_no_admission(free, scope):
    assert decide(WANT, funds(free)) == Deny("wallet", 10, free, 40)
    assert decide(WANT, funds(1000), [budget(free, scope)]) == Deny(scope, 10, free, 30, free + 50, SOON)


def test_budgets_are_asked_in_their_order_and_before_the_wallet():
    scopes = ["key", "member", "team"]
    for asked in range(3):
        budgets = [budget(1000 if position < asked else 0, scope) for position, scope in enumerate(scopes)]

        verdict = decide(WANT, funds(0), budgets)

        assert isinstance(verdict, Deny)
        assert verdict.scope == scopes[asked]
    assert decide(WANT, funds(0), [budget(1000, scope) for scope in scopes]) == Deny("wallet", 10, 0, 40)


def test_the_last_nano_dollar_can_be_held():
    assert decide(Want(full_n=1, slice_n=1, floor_n=1), funds(1)) == Admit(1)
    assert decide(Want(full_n=100, slice_n=1, floor_n=0), funds(0)) == Deny("wallet", 0, 0, 40)


@pytest.mark.parametrize("free", [0, 5, -5])
def test_a_free_model_needs_nothing(free):
    assert decide(Want(0, 0, 0), funds(free), [budget(free)]) == Admit(0)


@given(WANTS, FUNDS, BUDGETS)
def test_a_hold_is_never_more_than_is_there_or_asked(want, purse, budgets):
    verdict = decide(want, purse, budgets)

    if isinstance(verdict, Admit):
        assert want.floor_n <= verdict.hold_n <= want.full_n
        rooms = [purse.available_n, *(one.available_n for one in budgets)]
        assert verdict.hold_n == 0 or all(verdict.hold_n <= room for room in rooms)
    else:
        assert want.full_n > 0
        assert verdict.available_n < max(1, want.floor_n)


@given(POSITIVE, FUNDS, BUDGETS)
def test_an_extension_is_what_there_is(more, purse, budgets):
    added = extension(more_n=more, funds=purse, budgets=budgets)

    assert added == max(0, min(more, purse.available_n, *(one.available_n for one in budgets), 10**9))


@given(POSITIVE, POSITIVE, FUNDS, BUDGETS)
def test_a_charge_above_its_hold_takes_only_what_nobody_holds(charge, held, purse, budgets):
    taken = within_means(charge, hold_n=held, funds=purse, budgets=budgets)

    assert taken <= charge
    assert taken == charge or taken >= held
    for room in (purse.available_n, *(one.available_n for one in budgets)):
        assert max(0, taken - held) <= max(0, room)
    if charge <= held:
        assert taken == charge
