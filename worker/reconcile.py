"""Proving over and over that Redis and PostgreSQL say the same."""

import time
from collections.abc import Callable
from uuid import UUID

from core.counters.proof import CHECKS
from core.counters.reconcile import Reconciler
from worker.proofs import report

EVERY_S = 30.0
SHARE = 20  # one that takes long is made less often: a twentieth of the time at most
LATELY_S = 120  # pools used within so much time are looked at
MOST = 2000  # of them; which, is left to chance
ID_CHARS = 36  # what is wrong begins with whose it is


class Reconciliation:
    def __init__(self, reconciler: Reconciler, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.mismatches_n: dict[str, int] = {}  # of each check, by how much sums differed last
        self._reconciler = reconciler
        self._clock = clock
        self._wrong: set[UUID] = set()  # wallets that are looked at until they are right

    def round(self) -> float:
        """Look at the pools that were used lately; each difference is an alarm. Returns how long to wait."""
        began = self._clock()
        done = self._reconciler.prove(within_s=LATELY_S, limit=MOST, also=self._wrong)
        self._wrong = {UUID(wrong.subject[:ID_CHARS]) for wrong in done.differences}
        self.mismatches_n = dict.fromkeys(CHECKS, 0)
        for wrong in done.differences:
            self.mismatches_n[wrong.check] += abs(wrong.found - wrong.expected)
            report(wrong)
        return max(EVERY_S, SHARE * (self._clock() - began))
