"""May this call start, and with how much money held: values in, a verdict out.

The numbers come from one consistent read of a locked row; nothing here waits or looks at a clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.money import Nanos
from core.rules.rates import Rate


@dataclass(frozen=True, slots=True)
class Funds:
    """A wallet at the moment of admission, in nano-dollars."""

    balance_n: int
    credit_limit_n: int
    leased_n: int
    held_n: int

    @property
    def available_n(self) -> int:
        return self.balance_n + self.credit_limit_n - self.leased_n - self.held_n


@dataclass(frozen=True, slots=True)
class Budget:
    """A spend limit or budget in its current period, in nano-dollars."""

    scope: Literal["key", "member", "team"]
    limit_n: int
    spent_n: int
    held_n: int
    resets_at: datetime

    @property
    def available_n(self) -> int:
        return self.limit_n - self.spent_n - self.held_n


@dataclass(frozen=True, slots=True)
class Want:
    """What a call asks to hold: its worst case, what it may start with, and the least that makes sense."""

    full_n: Nanos
    slice_n: Nanos
    floor_n: Nanos


@dataclass(frozen=True, slots=True)
class Admit:
    hold_n: Nanos


@dataclass(frozen=True, slots=True)
class Deny:
    """Why not. `scope` says whose money or quota is short; the numbers are for the person who must act.

    Amounts are in `unit`: nano-dollars for usd.
    """

    scope: Literal["wallet", "key", "member", "team", "plan", "session"]
    needed_n: int
    available_n: int
    held_n: int
    limit_n: int | None = None
    resets_at: datetime | None = None
    unit: Literal["usd", "tokens", "points", "requests"] = "usd"
    rate: Rate | None = None


def decide(want: Want, funds: Funds, budgets: Sequence[Budget] = ()) -> Admit | Deny:
    """Hold the worst case; when money is short, a slice of it; when less than the floor is left, refuse."""
    for budget in budgets:
        if _hold(want, budget.available_n) is None:
            return _over(budget, want)
    if _hold(want, funds.available_n) is None:
        return Deny("wallet", want.floor_n, funds.available_n, funds.held_n)
    held = _hold(want, _room(funds, budgets))
    assert held is not None  # each of them left room, and the room is the smallest of theirs
    return Admit(held)


def _over(budget: Budget, want: Want) -> Deny:
    return Deny(
        budget.scope, want.floor_n, budget.available_n, budget.held_n, budget.limit_n, budget.resets_at
    )


def _room(funds: Funds, budgets: Sequence[Budget]) -> int:
    return min(funds.available_n, *(budget.available_n for budget in budgets), funds.available_n)


def _hold(want: Want, available_n: int) -> Nanos | None:
    """The hold that fits. A call of a free model holds nothing and needs nothing."""
    if want.full_n == 0 or available_n >= want.full_n:
        return want.full_n
    if available_n >= want.slice_n:
        return want.slice_n
    if available_n >= max(want.floor_n, 1):
        return Nanos(available_n)
    return None


def extension(*, more_n: int, funds: Funds, budgets: Sequence[Budget] = ()) -> Nanos:
    """How much of `more_n` can be added to a running call's hold: what there is, never less than zero."""
    return Nanos(max(0, min(more_n, _room(funds, budgets))))


def within_means(charge_n: int, *, hold_n: int, funds: Funds, budgets: Sequence[Budget] = ()) -> Nanos:
    """The part of a charge that may be taken: its hold, and beyond it only what nobody else holds.

    What a provider bills above that is the operator's loss, never a negative balance.
    `funds` and `budgets` still count this call's hold as held.
    """
    beyond = extension(more_n=max(0, charge_n - hold_n), funds=funds, budgets=budgets)
    return Nanos(min(charge_n, hold_n + beyond))
