import os

import pytest

from bench.cores import Cores, on, share


@pytest.mark.parametrize(("available", "target", "load", "stores"), [
    ({0}, {0}, {0}, {0}),
    ({0, 1}, {0}, {1}, {1}),
    ({4, 2, 3, 9}, {2}, {3}, {4, 9}),
])  # fmt: skip
def test_the_target_has_a_core_to_itself_where_there_are_two(available, target, load, stores):
    shared = share(available)

    assert shared == Cores(frozenset(target), frozenset(load), frozenset(stores))
    assert shared.are_shared is (len(available) == 1)


def test_a_block_runs_on_its_cores_and_comes_back():
    before = os.sched_getaffinity(0)
    one = frozenset(sorted(before)[:1])

    with on(one):
        within = os.sched_getaffinity(0)

    assert within == one
    assert os.sched_getaffinity(0) == before
