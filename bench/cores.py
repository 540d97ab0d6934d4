"""Which core does what: the target has one to itself, so that figures are per core; the load has another."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """`stores` are databases and what works beside the relay: where there are cores left, on those."""

    target: frozenset[int]
    load: frozenset[int]
    stores: frozenset[int]

    @property
    def are_shared(self) -> bool:
        """Say whether target and load must share one: then no figure is worth much."""
        return self.target == self.load


def share(available: Iterable[int]) -> Cores:
    cores = sorted(available)
    target, load = frozenset(cores[:1]), frozenset(cores[1:2] or cores[:1])
    return Cores(target, load, frozenset(cores[2:]) or load)


def ours() -> Cores:
    return share(os.sched_getaffinity(0))


@contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """Run a block on these cores; what it starts stays there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
