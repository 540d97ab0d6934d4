"""Which worker of a parallel run gets which tests, and which come first.

xdist knows groups too, by a mark. It passes them on in the name of a test, where this pytest lets nobody write:
they had no effect, and every worker started a rig and a stack of its own.
"""

from collections.abc import Sequence

import pytest
from xdist.scheduler import LoadScopeScheduling

# One worker each: what its tests share takes seconds to start.
TOGETHER = ("tests/chaos/", "tests/journeys/")
# Long ones last would leave the other workers idle.
FIRST = (*TOGETHER, "tests/core/counters/test_model.py", "tests/proxy/test_large_bodies.py")


class Together(LoadScopeScheduling):
    """Gives out test by test, but for those that belong together."""

    def _split_scope(self, nodeid: str) -> str:
        return next((place for place in TOGETHER if nodeid.startswith(place)), nodeid)


def first_things_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The long ones before the others, both in the order they had."""

    def rank(item: pytest.Item) -> int:
        return next((n for n, place in enumerate(FIRST) if item.nodeid.startswith(place)), len(FIRST))

    return sorted(items, key=rank)
