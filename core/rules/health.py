"""May an account try an offer: circuit breakers, and how fast the offer has been.

Healthy it is tried. After some failures in a row, or one that tells enough, it is open: passed over while a
pause lasts. Then one call may try it, the probe: it closes the offer, or opens it for twice as long.

Most failures can be brought about by what a client asks. So what the calls of one account meet opens an offer
for that account alone; for everybody it opens when others meet the same, or when no client can be the cause.
"""

from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

FAILURES = 3  # in a row, of one account; or of so many accounts
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 5_000, 300_000
LAST_DOUBLING = 8  # beyond it every pause is the longest
PROBE_MS = 30_000  # a probe that lasts longer keeps no other from trying
WEIGHT = 8  # a new measurement moves an estimate by this part of the difference

Standing = Literal["healthy", "open", "due"]


@dataclass(frozen=True, slots=True)
class Circuit:
    """Closed, as one that works is, or open. Times are Unix milliseconds of one clock."""

    openings: int = 0  # in a row; 0: it is closed
    until_ms: int = 0

    def is_paused(self, now_ms: int) -> bool:
        """A pause no circuit gets is a clock that was set back."""
        return self.openings > 0 and 0 < self.until_ms - now_ms <= LONGEST_PAUSE_MS


CLOSED = Circuit()


@dataclass(frozen=True, slots=True)
class Health:
    """How an offer stands: with everybody, and with one account that has a circuit of its own."""

    failed: tuple[UUID | None, ...] = ()  # whose calls failed in a row; None: nobody's fault
    for_all: Circuit = CLOSED
    own: Circuit = CLOSED
    account: UUID | None = None  # whose own it is
    probe_until_ms: int = 0

    @property
    def circuits(self) -> tuple[Circuit, Circuit, UUID | None]:
        """What others are told of it."""
        return self.for_all, self.own, self.account

    def circuits_of(self, account: UUID) -> tuple[Circuit, Circuit]:
        """Those the calls of an account pass."""
        return self.for_all, self.own if account == self.account else CLOSED

    def is_open_for(self, account: UUID) -> bool:
        return self.for_all.openings > 0 or (self.own.openings > 0 and account == self.account)

    def standing(self, now_ms: int, account: UUID) -> Standing:
        """Whether a call of this account may try it; `due`: one call may."""
        if not self.is_open_for(account):
            return "healthy"
        is_probed = 0 < self.probe_until_ms - now_ms <= PROBE_MS
        is_paused = any(circuit.is_paused(now_ms) for circuit in self.circuits_of(account))
        return "open" if is_probed or is_paused else "due"


HEALTHY = Health()


@dataclass(frozen=True, slots=True)
class Failure:
    """One call of an offer that failed. Where no client can have brought that about, it is of no account."""

    account: UUID | None
    at_once: bool = False  # it tells enough by itself
    pause_ms: int | None = None  # how long the offer asks to be left alone


def probed(health: Health, *, until_ms: int) -> Health:
    """No other call may probe it until then. 0: the probe came to an end."""
    return replace(health, probe_until_ms=until_ms)


def served(health: Health, account: UUID) -> Health:
    """After a call that went well. What is open for another account alone, only calls of that close."""
    if not health.own.openings or health.account == account:
        return HEALTHY
    return replace(health, failed=(), for_all=CLOSED)


def failed(health: Health, failure: Failure, *, now_ms: int, is_probe: bool) -> Health:
    """After a failure."""
    if not health.for_all.openings:
        health = replace(health, failed=_noted(health.failed, failure.account))
    is_news = _is_news(health, failure, is_probe=is_probe)
    if _is_for_all(health, failure, is_news=is_news):
        # However often it was open for one account: how long it is for all is not in the hands of that one.
        for_all = _opened(health.for_all, failure, now_ms)
        return Health(for_all=for_all, probe_until_ms=health.probe_until_ms)
    if not is_news:
        return health
    account = failure.account or health.account
    before = health.own if account == health.account and health.own.openings else health.for_all
    return replace(health, own=_opened(before, failure, now_ms), account=account)


def heard(health: Health, for_all: Circuit, own: Circuit, account: UUID | None) -> Health:
    """After another process told how the offer stands."""
    if not for_all.openings and (account is None or not own.openings):
        return HEALTHY
    failed = () if account is None or for_all.openings else (account,)
    return Health(failed, for_all, own, account, health.probe_until_ms)


def _noted(failed: tuple[UUID | None, ...], account: UUID | None) -> tuple[UUID | None, ...]:
    return failed if failed.count(account) >= FAILURES else (*failed, account)


def _witnesses(failed: tuple[UUID | None, ...]) -> int:
    """How many saw the offer fail: an account counts once, what is nobody's fault each time."""
    return failed.count(None) + len({account for account in failed if account is not None})


def _is_news(health: Health, failure: Failure, *, is_probe: bool) -> bool:
    """Say whether it opens a circuit. Of one that is open a call begun before tells nothing new."""
    if failure.pause_ms is not None:
        return True
    is_mine = failure.account in {None, health.account}
    if health.for_all.openings or (is_mine and health.own.openings):
        return is_probe
    return failure.at_once or health.failed.count(failure.account) >= FAILURES


def _is_for_all(health: Health, failure: Failure, *, is_news: bool) -> bool:
    """Say whether it is everybody's circuit that opens: when a second account met what one did, or a third
    failed at all, or no client can be the cause.
    """
    is_nobodys = failure.account is None
    is_second = health.own.openings > 0 and failure.account not in {None, health.account}
    if health.for_all.openings:
        return is_news and (is_nobodys or is_second)
    if _witnesses(health.failed) >= FAILURES:
        return True
    if is_nobodys:
        return failure.at_once or failure.pause_ms is not None
    return is_news and is_second and health.account in health.failed


def _opened(circuit: Circuit, failure: Failure, now_ms: int) -> Circuit:
    if failure.pause_ms is not None:
        return Circuit(max(1, circuit.openings), now_ms + min(failure.pause_ms, LONGEST_PAUSE_MS))
    pause_ms = min(FIRST_PAUSE_MS << min(circuit.openings, LAST_DOUBLING), LONGEST_PAUSE_MS)
    return Circuit(circuit.openings + 1, now_ms + pause_ms)


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
