"""Any history of calls leaves the balance that a few lines of plain arithmetic arrive at."""

from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.charging.calls import Admitted, Call, Settled
from core.rules.admission import Deny

AMOUNTS = st.integers(0, 1200)


@dataclass
class Known:
    """What the model knows of a call."""

    call: Call
    hold: int = 0
    metered: int = 0
    charge: int = 0
    state: str = "held"  # then orphan, final


class Histories(RuleBasedStateMachine):
    """The model: a balance, a limit, and a list of calls. `desk` is the product."""

    def __init__(self, open_desk, *, limit):
        super().__init__()
        self.desk = open_desk(1000, spend_limit_n=limit)
        self.balance, self.limit, self.calls = 1000, limit, []

    @property
    def held(self):
        return sum(known.hold for known in self.calls if known.state == "held")

    @property
    def room(self):
        rooms = [self.balance - self.held]
        if self.limit is not None:
            rooms.append(self.limit - self.held - sum(known.charge for known in self.calls))
        return min(rooms)

    def pick(self, data, *states):
        return data.draw(st.sampled_from([known for known in self.calls if known.state in states]))

    def pay(self, known, charge):
        self.balance -= charge - known.charge
        known.charge = charge

    @rule(full=AMOUNTS, small=st.integers(0, 100), floor=st.integers(0, 10))
    def admit(self, full, small, floor):
        call = self.desk.call(full, slice_n=min(small, full), floor_n=min(floor, small, full))
        want, room = call.want, self.room
        verdict = self.desk.admit(call)
        if full == 0 or room >= full:
            assert verdict == Admitted(full)
        elif room >= want.slice_n:
            assert verdict == Admitted(want.slice_n)
        elif room >= max(1, want.floor_n):
            assert verdict == Admitted(room)
        else:
            assert isinstance(verdict, Deny)
            return
        self.calls.append(Known(call, hold=verdict.hold_n))

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def admit_again(self, data):
        known = self.pick(data, "held", "orphan", "final")
        verdict = self.desk.admit(known.call)
        if known.state == "held":
            assert verdict == Admitted(known.hold)
        else:
            assert not isinstance(verdict, Admitted)

    @precondition(lambda self: any(known.state == "held" for known in self.calls))
    @rule(data=st.data(), more=AMOUNTS)
    def extend(self, data, more):
        known = self.pick(data, "held")
        expected = max(0, min(more, self.room))
        assert self.desk.extend(known.call, more) == expected
        known.hold += expected

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), charge=AMOUNTS)
    def checkpoint(self, data, charge):
        known = self.pick(data, "held", "orphan", "final")
        self.desk.checkpoint(known.call, charge)
        known.metered = max(known.metered, charge)

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), charge=AMOUNTS)
    def settle(self, data, charge):
        known = self.pick(data, "held", "orphan", "final")
        outcome = {"held": "settled", "orphan": "adjusted", "final": "already"}[known.state]
        if known.state == "held":
            taken = min(charge, known.hold + max(0, min(charge - known.hold, self.room)))
        elif known.state == "orphan":
            taken = min(charge, known.charge + max(0, self.room))
        else:
            taken = known.charge
        assert self.desk.settle(known.call, charge) == Settled(outcome, taken)
        self.pay(known, taken)
        known.state = "final"

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), overdue=st.booleans())
    def sweep(self, data, overdue):
        known = self.pick(data, "held", "orphan", "final")
        if overdue:
            self.desk.expire(known.call)
        swept = self.desk.sweep(known.call)
        if known.state != "held" or not overdue:
            assert swept is None
            return
        assert swept == Settled("settled", min(known.metered, known.hold))
        self.pay(known, swept.charge_n)
        known.state = "orphan"

    @rule(amount=st.integers(1, 500))
    def grant(self, amount):
        self.desk.grant(amount)
        self.balance += amount

    @invariant()
    def the_books_are_right(self):
        assert self.desk.purse() == (self.balance, self.held)
        assert self.balance >= self.held >= 0
        assert self.desk.differences() == []


def tell(machine):
    """Run it; a failure prints the steps that led there and the blob that repeats them."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=6,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_any_history_leaves_right_books(open_desk):
    tell(lambda: Histories(open_desk, limit=None))


def test_any_history_of_a_limited_key_leaves_right_books(open_desk):
    tell(lambda: Histories(open_desk, limit=700))
