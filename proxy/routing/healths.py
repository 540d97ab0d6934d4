"""How each offer stands and how fast it is, as this process knows it: what decides is in memory, at once."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import structlog

from core.rules.health import (
    HEALTHY,
    UNKNOWN,
    Health,
    Pace,
    Standing,
    between,
    failed,
    let_go,
    moved,
    probed,
)
from proxy.catalog import Offer, Provider

MOST = 10_000  # offers known of; beyond it the one first heard of is forgotten
_log = structlog.get_logger()


@dataclass(slots=True)
class Known:
    """What is known of an offer. What is `unsaid` the other processes have not been told."""

    provider: Provider | None = None
    health: Health = HEALTHY
    pace: Pace = UNKNOWN
    health_ms: int = 0  # when it was opened or closed, here or elsewhere
    pace_ms: int = 0
    is_health_unsaid: bool = False
    is_pace_unsaid: bool = False


class Healths:
    """Every offer by its name."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self._known: dict[str, Known] = {}

    def standing(self, offer: Offer) -> Standing:
        return self._of(offer).health.standing(self.now_ms())

    def pace(self, offer: Offer) -> Pace:
        return self._of(offer).pace

    def begin(self, offer: Offer) -> "Attempt":
        """Begin to call an offer. Where it is due, this is its probe."""
        known = self._of(offer)
        is_probe = known.health.openings > 0 and known.health.standing(self.now_ms()) == "due"
        if is_probe:
            known.health = probed(known.health)
        return Attempt(self, offer, known, is_probe=is_probe)

    def change(self, known: Known, health: Health) -> bool:
        """Note how an offer stands now; say whether that is news for others too."""
        if health is known.health:
            return False
        before, known.health = known.health, health
        is_news = (before.openings, before.until_ms) != (health.openings, health.until_ms)
        if is_news:
            known.health_ms = max(self.now_ms(), known.health_ms + 1)
            known.is_health_unsaid = True
        return is_news

    # What the processes tell each other.

    def unsaid_health(self) -> Iterator[tuple[str, Known]]:
        return ((name, known) for name, known in self._known.items() if known.is_health_unsaid)

    def unsaid_pace(self) -> Iterator[tuple[str, Known]]:
        return ((name, known) for name, known in self._known.items() if known.is_pace_unsaid)

    def hear_health(self, name: str, *, at_ms: int, openings: int, until_ms: int) -> None:
        """Another process opened or closed an offer: the last word holds."""
        known = self._named(name)
        if at_ms > known.health_ms:
            known.health = Health(0, openings, until_ms, known.health.is_probed) if openings else HEALTHY
            known.health_ms, known.is_health_unsaid = at_ms, False

    def hear_pace(self, name: str, pace: Pace, *, at_ms: int) -> None:
        """Another process measured an offer."""
        known = self._named(name)
        if at_ms > known.pace_ms:
            known.pace, known.pace_ms = between(known.pace, pace), at_ms

    def _of(self, offer: Offer) -> Known:
        """What is known of an offer as it is now: of another address or credential that is nothing."""
        provider, known = offer.provider, self._named(offer.name)
        if known.provider is not provider:
            if known.provider is not None and known.provider != provider:
                known.health, known.health_ms, known.is_health_unsaid = HEALTHY, self.now_ms(), False
            known.provider = provider
        return known

    def _named(self, name: str) -> Known:
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            known = self._known[name] = Known()
        return known


class Attempt:
    """One call of one offer, from its begin to what it tells of the offer. If that is nothing, a probe is
    let go: the next call may be it.
    """

    def __init__(self, healths: Healths, offer: Offer, known: Known, *, is_probe: bool) -> None:
        self._healths = healths
        self._offer = offer
        self._known = known
        self._is_probe = is_probe
        self._openings = known.health.openings
        self._began = time.monotonic()
        self._first_ms: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._is_probe:
            self._known.health = let_go(self._known.health)

    def answered(self) -> None:
        """The first of a streamed answer is here. It may last: an open offer is closed at once."""
        self._first_ms = (time.monotonic() - self._began) * 1000
        if self._known.health.openings:
            self._works()

    def served(self, tokens: int) -> None:
        """The whole answer was good, and so many tokens long."""
        known, took_s = self._known, time.monotonic() - self._began
        first_ms, tokens_per_s = known.pace.first_ms, known.pace.tokens_per_s
        if self._first_ms is not None:
            first_ms = moved(first_ms, self._first_ms)
        if tokens > 0 and took_s > 0:
            tokens_per_s = moved(tokens_per_s, tokens / took_s)
        known.pace, known.is_pace_unsaid = Pace(first_ms, tokens_per_s), True
        known.pace_ms = max(self._healths.now_ms(), known.pace_ms + 1)
        self._works()

    def failed(self, *, at_once: bool = False, pause_ms: int | None = None) -> None:
        """The offer failed. `at_once`: it will go on to; `pause_ms`: it asks to be left alone for so long."""
        healths, known = self._healths, self._known
        if self._is_probe and known.health.openings != self._openings:
            known.health, self._is_probe = let_go(known.health), False  # another process was told the same
        now_ms, is_probe, self._is_probe = healths.now_ms(), self._is_probe, False
        after = failed(known.health, now_ms=now_ms, is_probe=is_probe, at_once=at_once, pause_ms=pause_ms)
        if healths.change(known, after):
            _log.warning(
                "offer_open",
                provider=self._offer.provider.name,
                upstream_model=self._offer.upstream_model,
                pause_ms=after.until_ms - now_ms,
            )

    def _works(self) -> None:
        self._is_probe = False
        if self._healths.change(self._known, HEALTHY):
            _log.info(
                "offer_closed",
                provider=self._offer.provider.name,
                upstream_model=self._offer.upstream_model,
            )
