"""Proving the books over and over."""

import time
from collections.abc import Callable

import structlog
from sqlalchemy import Engine

from core.charging.proof import CHECKS, Difference, prove

PROOF_EVERY_S = 60.0
PROOF_SHARE = 20  # a proof that takes long is made less often: a twentieth of the time at most
_log = structlog.get_logger()


class Prover:
    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.mismatches_n: dict[str, int] = {}  # of each check, by how much sums differed last
        self._engine = engine
        self._clock = clock

    def round(self) -> float:
        """Prove every sum; each difference is an alarm. Returns how long to wait."""
        began = self._clock()
        wrong = prove(self._engine)
        self.mismatches_n = dict.fromkeys(CHECKS, 0)
        for difference in wrong:
            self.mismatches_n[difference.check] += abs(difference.found - difference.expected)
            report(difference)
        return max(PROOF_EVERY_S, PROOF_SHARE * (self._clock() - began))


def report(wrong: Difference) -> None:
    _log.error(
        "books_differ",
        check=wrong.check,
        subject=wrong.subject,
        expected=wrong.expected,
        found=wrong.found,
    )
