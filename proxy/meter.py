"""The meter of one call: what it has produced, what that costs, and how it ended."""

import time
from uuid import UUID

import msgspec

from core.charging.calls import Ending, Progress
from core.money import Nanos
from core.rules.prices import Cost, Usage, cost_of
from core.rules.reserve import BYTES_PER_TOKEN
from proxy.catalog import Offer
from proxy.plan import Plan

# A provider that ignores max_tokens is cut when it has produced clearly more than it was asked for: our count
# is an estimate, and an honest answer at its limit must not be cut.
OVERRUN_FACTOR, OVERRUN_TOKENS = 3, 256
MANY_TOKENS = 10**12  # far beyond any answer: what one token costs is told exactly by it
DISPUTED_FACTOR = 4
DENSEST = 2  # the bound takes two bytes for a token, and no token is less than one
HIDDEN_TOKENS = 10_000  # what a provider may add of its own: a prompt before ours, thoughts beside the bound
CLIENT_GONE = "client_gone"
NOT_BEGUN = "upstream_failed"  # the client got an error and nothing else, whatever usage the provider states


class Paid(msgspec.Struct, frozen=True):
    """What was paid for before the model was asked, whatever comes of that: pages that were read."""

    provider: str = ""
    pages: int = 0
    cost: Cost = Cost()
    disputed: bool = False  # the provider states more than there was to read


class Meter(msgspec.Struct):
    """Mutable on purpose: the relay feeds it, settlement reads it at the end, whatever the end is."""

    plan: Plan
    hold_n: int
    started: float = msgspec.field(default_factory=time.monotonic)
    offer: Offer | None = None
    produced_bytes: int = 0
    has_answer: bool = False  # it is there, though nothing of it is text: vectors
    known: Usage | None = None  # what the provider stated of an answer that was not over yet
    reported: Usage | None = None
    finish_reason: str | None = None
    first_byte: float | None = None
    status: int = 200
    reason: str = "done"
    exhausted: bool = False  # nothing is left to extend the hold with
    is_relayed: bool = False  # the client got the first of it
    is_whole: bool = False  # it came to the end its format has
    is_odd: bool = False  # what is stated of it contradicts itself
    paid: Paid = Paid()

    def begin(self, plan: Plan) -> None:
        """Begin with an offer of this plan: the client got nothing of what another one may have produced."""
        self.plan, self.offer, self.produced_bytes, self.has_answer = plan, None, 0, False
        self.known, self.reported, self.finish_reason, self.first_byte = None, None, None, None
        self.is_whole, self.is_odd = False, False

    def produce(self, size: int) -> None:
        """Count text that was produced, in bytes."""
        if self.first_byte is None:
            self.first_byte = time.monotonic()
        self.produced_bytes += size

    def answered(self) -> None:
        """Note an answer that came whole, without any text to count."""
        self.has_answer = True
        self.produce(0)

    def whole(self) -> None:
        """Note that nothing of the answer is missing."""
        self.is_whole = self.finish_reason is not None or self.has_answer

    def end(self, reason: str, *, status: int | None = None) -> None:
        """Note how the call ended; the first word stands."""
        if self.reason == "done":
            self.reason = reason
            self.status = self.status if status is None else status

    @property
    def output_estimate(self) -> int:
        return -(-self.produced_bytes // BYTES_PER_TOKEN)

    def estimate(self) -> Usage:
        """What we believe was used, from what we saw, and from what was stated up to now."""
        seen = self.output_estimate
        if self.known is None or self._is_beyond_belief(self.known):
            return Usage(input_tokens=self.plan.input.estimate, output_tokens=seen)
        return msgspec.structs.replace(self.known, output_tokens=max(self.known.output_tokens, seen))

    def cost_so_far(self) -> Cost:
        """The price of what was paid for and produced up to now, at most what is held."""
        cost = self.paid.cost
        if self.offer is not None and self._is_worth_something():
            cost = cost.plus(cost_of(self.estimate(), self.offer.card, self.plan.model.terms))
        return self._within_hold(cost)

    def is_partial(self) -> bool:
        """Say whether less than the worst case is held, so that the hold must grow with the answer."""
        return self.hold_n < self.plan.want.full_n

    def wants_more(self) -> bool:
        return self.is_partial() and not self.exhausted and 2 * self._uncapped_n() >= self.hold_n

    def is_used_up(self) -> bool:
        """Say whether the answer has used up a hold that is less than its worst case."""
        return self.is_partial() and self._uncapped_n() >= self.hold_n

    def is_overrun(self) -> bool:
        return self.output_estimate > OVERRUN_FACTOR * self.plan.output_tokens + OVERRUN_TOKENS

    def ample_bytes(self) -> int:
        """How much text may be produced before this meter has to be asked again.

        Up to there the answer wants no more, is not used up and not overrun: prices are linear in the output.
        """
        tokens = OVERRUN_FACTOR * self.plan.output_tokens + OVERRUN_TOKENS
        if self.is_partial() and self.offer is not None:
            none_n, many_n = self._price_n(0), self._price_n(MANY_TOKENS)
            # Two nano-dollars are more than rounding up adds at either end.
            room_n = (self.hold_n if self.exhausted else self.hold_n // 2) - none_n - 2
            tokens = min(tokens, room_n * MANY_TOKENS // max(1, many_n - none_n))
        return max(0, BYTES_PER_TOKEN * tokens)

    def progress(self, request_id: UUID) -> Progress:
        return Progress(request_id, self.output_estimate, self.cost_so_far())

    def ending(self) -> Ending:
        """All that is booked of the call: by the usage the provider stated, else by what we counted."""
        usage, cost, estimated, disputed = self._bill()
        now = time.monotonic()
        return Ending(
            provider=self.offer.provider.name if self.offer else self.paid.provider,
            usage=usage,
            cost=cost,
            status=self.status,
            reason=self.reason,
            finish_reason=self.finish_reason,
            estimated=estimated,
            disputed=disputed or self.paid.disputed,
            duration_ms=int((now - self.started) * 1000),
            first_byte_ms=int((self.first_byte - self.started) * 1000) if self.first_byte else None,
            price_card_id=self.offer.card.id if self.offer else None,
            file_parser_n=self.paid.cost.upstream_n,
            model_id=self.plan.model.id if self.offer and self.reason != NOT_BEGUN else None,
        )

    def _bill(self) -> tuple[Usage, Cost, bool, bool]:
        if self.offer is None or self.reason == NOT_BEGUN:
            return Usage(), self.paid.cost, False, False
        if self.reported is not None and not self._is_lie(self.reported):
            cost = self.paid.cost.plus(cost_of(self.reported, self.offer.card, self.plan.model.terms))
            disputed = cost.charge_n > self.hold_n or self._is_far(self.reported)
            if not self._may_pass_hold(self.reported):
                cost = self._within_hold(cost)
            return self.reported, cost, False, disputed
        if not self._is_worth_something():
            return Usage(), self.paid.cost, False, False
        return self.estimate(), self.cost_so_far(), True, self.reported is not None

    def _is_worth_something(self) -> bool:
        """Say whether there is an answer to pay for: one is, once its client left in the middle of it."""
        is_left = self.is_relayed and self.reason == CLIENT_GONE
        return self.produced_bytes > 0 or self.has_answer or is_left

    def _within_hold(self, cost: Cost) -> Cost:
        return Cost(cost.upstream_n, Nanos(min(cost.charge_n, self.hold_n)))

    def _may_pass_hold(self, usage: Usage) -> bool:
        """Say whether this is believed even where it is more than was held: of a whole answer, what agrees
        with itself, and with what was sent, asked for and seen. Thoughts nobody sees have no such bound.
        """
        if self.reason != "done" or not self.is_whole or self.is_odd or self._is_far(usage):
            return False
        visible = usage.output_tokens - usage.reasoning_tokens
        return usage.input_tokens <= DENSEST * self.plan.input.at_most and visible <= self.plan.output_tokens

    def _is_lie(self, usage: Usage) -> bool:
        """Say whether this cannot be: nothing produced, when we saw that something was, or beyond belief."""
        return (self.produced_bytes > 0 and usage.output_tokens == 0) or self._is_beyond_belief(usage)

    def _is_beyond_belief(self, usage: Usage) -> bool:
        """Say whether this is far above what was sent, or may be produced. It would take all there is."""
        most_in = DISPUTED_FACTOR * self.plan.input.at_most + HIDDEN_TOKENS
        most_out = DISPUTED_FACTOR * self.plan.output_tokens + HIDDEN_TOKENS
        return usage.input_tokens > most_in or usage.output_tokens > most_out

    def _is_far(self, usage: Usage) -> bool:
        """Say whether the provider states what can hardly be: an output far from what we saw."""
        seen = self.output_estimate
        visible = usage.output_tokens - usage.reasoning_tokens  # at least: some show their thoughts as well
        return (
            visible > DISPUTED_FACTOR * seen + OVERRUN_TOKENS
            or seen > DISPUTED_FACTOR * usage.output_tokens + OVERRUN_TOKENS
        )

    def _uncapped_n(self) -> int:
        return self._price_n(self.output_estimate)

    def _price_n(self, output_tokens: int) -> int:
        if self.offer is None:
            return 0
        told = self.known or Usage(input_tokens=self.plan.input.estimate)
        usage = msgspec.structs.replace(
            told, output_tokens=output_tokens, reasoning_tokens=0, output_audio_tokens=0
        )
        return self.paid.cost.charge_n + cost_of(usage, self.offer.card, self.plan.model.terms).charge_n
