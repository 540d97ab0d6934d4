"""Whatever happens, in whatever order: the scripts do what the model does, and no promise is broken.

A hundred thousand steps by dice, a million with --chaos-full, from pytest-randomly's seed (`-p randomly
--randomly-seed=N` tells the same story again); and stories Hypothesis makes up, and makes shorter when they fail.
"""

import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.core.counters.clocked import SCRIPTS
from tests.core.counters.story import RULES, Story, tell
from tests.core.counters.wire import Wire

PARTS = 10
STEPS, ALL_STEPS = 100_000, 1_000_000


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_any_story_ends_well(part: int, wire: Wire, request: pytest.FixtureRequest):
    seed = request.config.getoption("randomly_seed", default=0)
    steps = ALL_STEPS if request.config.getoption("--chaos-full", default=False) else STEPS

    seen = tell(wire, seed=f"{seed}/{part}", steps=steps // PARTS)

    assert seen["admit OK"] > steps // PARTS // 10
    assert seen["settle OK"] > steps // PARTS // 10


class Drawn:
    """Hypothesis decides."""

    def __init__(self, data: Any) -> None:
        self._draw = data.draw

    def pick(self, options: Any) -> Any:
        return self._draw(st.sampled_from(options))

    def number(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def chance(self, percent: int) -> bool:
        return self._draw(st.integers(0, 99)) >= 100 - percent  # shrinks to what usually happens


def machine(wire: Wire) -> type[RuleBasedStateMachine]:
    """Every rule of the story, to be called in any order."""

    class Machine(RuleBasedStateMachine):
        @initialize(data=st.data())
        def begin(self, data: Any) -> None:
            self.story = Story(wire, Drawn(data))

        def teardown(self) -> None:
            if hasattr(self, "story") and sys.exc_info()[0] is None:  # nothing failed
                self.story.come_to_rest()

    for name in RULES:

        def step(self: Any, data: Any, name: str = name) -> None:
            getattr(self.story, name)(Drawn(data))

        step.__name__ = name
        setattr(Machine, name, rule(data=st.data())(step))
    return Machine


@pytest.mark.timeout(300)
def test_any_short_story_ends_well(wire: Wire):
    wire.all([("SCRIPT", "LOAD", script.source) for script in SCRIPTS.values()])

    run_state_machine_as_test(
        machine(wire),
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
