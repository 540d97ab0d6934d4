"""May an offer be tried: a circuit breaker of its own, and how fast it has been.

Healthy it is tried. After some failures in a row, or one that tells enough, it is open: passed over while a
pause lasts. Then one call may try it, the probe: it closes the offer, or opens it for twice as long.
"""

from dataclasses import dataclass, replace
from typing import Literal

FAILURES = 3  # in a row
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 5_000, 300_000
LAST_DOUBLING = 8  # beyond it every pause is the longest
WEIGHT = 8  # a new measurement moves an estimate by this part of the difference

Standing = Literal["healthy", "open", "due"]


@dataclass(frozen=True, slots=True)
class Health:
    """How an offer stands. Times are Unix milliseconds of one clock."""

    failures: int = 0  # in a row
    openings: int = 0  # in a row; 0: it is closed, as a circuit that works is
    until_ms: int = 0
    is_probed: bool = False

    def standing(self, now_ms: int) -> Standing:
        """Whether it may be tried; `due`: by one call. A pause no offer gets is a clock that was set back."""
        if not self.openings:
            return "healthy"
        is_paused = 0 < self.until_ms - now_ms <= LONGEST_PAUSE_MS
        return "open" if is_paused or self.is_probed else "due"


HEALTHY = Health()


def probed(health: Health) -> Health:
    """The probe is under way: no second one until it has come to something, or to nothing."""
    return replace(health, is_probed=True)


def let_go(health: Health) -> Health:
    """The probe told nothing."""
    return replace(health, is_probed=False)


def failed(
    health: Health, *, now_ms: int, is_probe: bool, at_once: bool = False, pause_ms: int | None = None
) -> Health:
    """After a failure. `pause_ms`: how long the offer itself asks to be left alone."""
    failures, is_probed = health.failures + 1, health.is_probed and not is_probe
    if pause_ms is not None:
        until_ms = now_ms + min(pause_ms, LONGEST_PAUSE_MS)
        return Health(failures, max(1, health.openings), until_ms, is_probed)
    if health.openings and not is_probe:  # a call begun before: of an open offer it tells nothing new
        return health
    if not health.openings and failures < FAILURES and not at_once:
        return replace(health, failures=failures)
    pause_ms = min(FIRST_PAUSE_MS << min(health.openings, LAST_DOUBLING), LONGEST_PAUSE_MS)
    return Health(failures, health.openings + 1, now_ms + pause_ms)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast an offer has been of late; None: not known."""

    first_ms: float | None = None  # until a streamed answer began
    tokens_per_s: float | None = None  # of output, over the whole answer


UNKNOWN = Pace()


def moved(estimate: float | None, measured: float) -> float:
    """A moving estimate after one more measurement."""
    return measured if estimate is None else estimate + (measured - estimate) / WEIGHT


def between(one: Pace, other: Pace) -> Pace:
    """What two processes believe together that measured for themselves."""
    return Pace(
        _middle(one.first_ms, other.first_ms),
        _middle(one.tokens_per_s, other.tokens_per_s),
    )


def _middle(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return (one + other) / 2
