"""How each offer stands and how fast it is, as this process knows it: what decides is in memory, at once."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self
from uuid import UUID

import structlog

from core.rules.health import (
    HEALTHY,
    PROBE_MS,
    UNKNOWN,
    Circuit,
    Failure,
    Health,
    Pace,
    Standing,
    between,
    failed,
    heard,
    moved,
    probed,
    served,
)
from proxy.catalog import Offer, Provider

MOST = 10_000  # offers known of; beyond it the one first heard of is forgotten
ELSEWHERE_MS = 1_000  # so long an offer is passed over that another process probes, before it is asked again
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
    is_probing: bool = False  # here, by one of our calls


class Healths:
    """Every offer by its name."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self._known: dict[str, Known] = {}

    def standing(self, offer: Offer, account: UUID) -> Standing:
        return self._of(offer).health.standing(self.now_ms(), account)

    def pace(self, offer: Offer) -> Pace:
        return self._of(offer).pace

    def begin(self, offer: Offer, account: UUID) -> "Attempt":
        """Begin to call an offer for an account. Where it is due, this is its probe."""
        known, now_ms = self._of(offer), self.now_ms()
        is_probe = known.health.standing(now_ms, account) == "due"
        if is_probe:
            known.health, known.is_probing = probed(known.health, until_ms=now_ms + PROBE_MS), True
        return Attempt(self, offer, account, known, is_probe=is_probe)

    def change(self, known: Known, health: Health) -> bool:
        """Note how an offer stands now; say whether that is news for others too."""
        if health is known.health:
            return False
        before, known.health = known.health, health
        is_news = before.circuits != health.circuits
        if is_news:
            known.health_ms = max(self.now_ms(), known.health_ms + 1)
            known.is_health_unsaid = True
        return is_news

    # What the processes tell each other.

    def unsaid_health(self) -> Iterator[tuple[str, Known]]:
        return ((name, known) for name, known in self._known.items() if known.is_health_unsaid)

    def unsaid_pace(self) -> Iterator[tuple[str, Known]]:
        return ((name, known) for name, known in self._known.items() if known.is_pace_unsaid)

    def probing(self) -> list[str]:
        """The offers of which a probe of ours is under way, and still keeps others from probing."""
        now_ms = self.now_ms()
        return [
            name for name, known in self._known.items()
            if known.is_probing and known.health.probe_until_ms > now_ms
        ]  # fmt: skip

    def hear_health(
        self, name: str, *, at_ms: int, for_all: Circuit, own: Circuit, account: UUID | None
    ) -> None:
        """Another process opened or closed an offer: the last word holds."""
        known = self._named(name)
        if at_ms > known.health_ms:
            known.health = heard(known.health, for_all, own, account)
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

    def __init__(
        self, healths: Healths, offer: Offer, account: UUID, known: Known, *, is_probe: bool
    ) -> None:
        self.offer = offer
        self.is_probe = is_probe
        self._healths = healths
        self._account = account
        self._known = known
        self._circuits = known.health.circuits_of(account)
        self._began = time.monotonic()
        self._first_ms: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Nothing was told, or all is."""
        self._end_probe(until_ms=0)

    def give_way(self) -> None:
        """Another process probes the offer."""
        self._end_probe(until_ms=self._healths.now_ms() + ELSEWHERE_MS)

    def answered(self) -> None:
        """The first of a streamed answer is here. It may last: an open offer is closed at once."""
        self._first_ms = (time.monotonic() - self._began) * 1000
        if self._known.health.is_open_for(self._account):
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

    def failed(self, *, for_all: bool = False, at_once: bool = False, pause_ms: int | None = None) -> None:
        """The offer failed. `for_all`: whatever was asked; `at_once`: it will go on to; `pause_ms`: it asks
        to be left alone for so long.
        """
        healths, known = self._healths, self._known
        if known.health.circuits_of(self._account) != self._circuits:  # another process was told the same
            self._end_probe(until_ms=0)
        failure = Failure(None if for_all else self._account, at_once=at_once, pause_ms=pause_ms)
        now_ms, is_probe = healths.now_ms(), self.is_probe
        self._end_probe(until_ms=0)
        after = failed(known.health, failure, now_ms=now_ms, is_probe=is_probe)
        if healths.change(known, after):
            _log.warning(
                "offer_open",
                provider=self.offer.provider.name,
                upstream_model=self.offer.upstream_model,
                pause_ms=(after.own if after.account else after.for_all).until_ms - now_ms,
                wallet_id=None if after.account is None else str(after.account),
            )

    def _works(self) -> None:
        self._end_probe(until_ms=0)
        known = self._known
        if known.health is not HEALTHY and self._healths.change(known, served(known.health, self._account)):
            _log.info(
                "offer_closed",
                provider=self.offer.provider.name,
                upstream_model=self.offer.upstream_model,
            )

    def _end_probe(self, *, until_ms: int) -> None:
        if self.is_probe:
            self.is_probe = self._known.is_probing = False
            self._known.health = probed(self._known.health, until_ms=until_ms)
