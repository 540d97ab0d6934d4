"""What usage costs: pure integer arithmetic over a price card.

All rates are nano-dollars per million units, whatever the unit is (a token, an image, a second, a character).
Multiply first, divide once, round up once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.money import Nanos, divide_up

MILLION = 1_000_000
BPS = 10_000

# Rates in USD per 1M units in the catalogue; every other known rate is USD per single unit.
PER_MILLION = frozenset(
    [
        "input",
        "output",
        "cached_read",
        "cache_write",
        "cache_write_1h",
        "reasoning",
        "input_audio",
        "output_audio",
        "cached_audio",
        "input_image_tokens",
        "output_image_tokens",
        "cached_image",
        "input_video_tokens",
        "output_video_tokens",
        "character",
    ]
)
PER_UNIT = frozenset(
    [
        "image",
        "input_image",
        "second_in",
        "second_out",
        "page",
        "request",
        "video_second",
        "video_second_480p",
        "video_second_720p",
        "video_second_768p",
        "video_second_1080p",
        "video_second_2k",
        "video_second_4k",
        "web_search",
        "web_search_low",
        "web_search_medium",
        "web_search_high",
    ]
)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call as providers count them: details are parts of `input_tokens` or `output_tokens`.

    None is negative. Details that come to more than their whole are priced as they are, the rest as nothing.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    input_audio_tokens: int = 0
    reasoning_tokens: int = 0
    output_audio_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Tier:
    """Other rates for calls whose input is longer than a threshold (long-context prices)."""

    above_input_tokens: int
    rates: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PriceCard:
    """One immutable version of an offer's prices."""

    id: str
    rates: Mapping[str, int]
    tiers: tuple[Tier, ...] = ()

    def is_complete(self) -> bool:
        """Say whether chat usage can be priced: an unknown price is refused, never zero."""
        return "input" in self.rates and "output" in self.rates

    def rates_for(self, input_tokens: int) -> Mapping[str, int]:
        """The rates that apply to a call with that much input."""
        rates = self.rates
        if not self.tiers:
            return rates
        for tier in sorted(self.tiers, key=lambda tier: tier.above_input_tokens):
            if input_tokens > tier.above_input_tokens:
                rates = {**self.rates, **tier.rates}
        return rates


@dataclass(frozen=True, slots=True)
class Terms:
    """What is put on top of the provider's price, in basis points: markup 10000 = none, fee 1000 = 10 %."""

    markup_bps: int = BPS
    fee_bps: int = 1000


@dataclass(frozen=True, slots=True)
class Cost:
    """What the provider bills and what the wallet pays, in nano-dollars."""

    upstream_n: Nanos = field(default=Nanos(0))
    charge_n: Nanos = field(default=Nanos(0))


def cost_of(usage: Usage, card: PriceCard, terms: Terms) -> Cost:
    """Price usage. A detail (cached, reasoning, audio) without a rate of its own costs what the rest does."""
    return _priced(_millionths(usage, card.rates_for(usage.input_tokens)), terms)


def worst_cost(*, input_tokens: int, output_tokens: int, card: PriceCard, terms: Terms) -> Cost:
    """The most a call may cost whose input and output, details included, stay within these bounds."""
    per_request, highest_in, highest_out = _highest(card.rates_for(0))
    for tier in card.tiers:
        if input_tokens > tier.above_input_tokens:
            others = _highest(card.rates_for(tier.above_input_tokens + 1))
            per_request = max(per_request, others[0])
            highest_in, highest_out = max(highest_in, others[1]), max(highest_out, others[2])
    return _priced(per_request + input_tokens * highest_in + output_tokens * highest_out, terms)


def _highest(rates: Mapping[str, int]) -> tuple[int, int, int]:
    """What a request, and at most a token of its input and of its output, costs by these rates."""
    rate = rates.get
    return (
        rate("request", 0),
        max(rate("input", 0), rate("cached_read", 0), rate("cache_write", 0), rate("input_audio", 0)),
        max(rate("output", 0), rate("reasoning", 0), rate("output_audio", 0)),
    )


def _millionths(usage: Usage, rates: Mapping[str, int]) -> int:
    into, out = rates["input"], rates["output"]
    details_in = usage.cached_tokens + usage.cache_write_tokens + usage.input_audio_tokens
    details_out = usage.reasoning_tokens + usage.output_audio_tokens
    return (
        rates.get("request", 0)
        + max(0, usage.input_tokens - details_in) * into
        + usage.cached_tokens * rates.get("cached_read", into)
        + usage.cache_write_tokens * rates.get("cache_write", into)
        + usage.input_audio_tokens * rates.get("input_audio", into)
        + max(0, usage.output_tokens - details_out) * out
        + usage.reasoning_tokens * rates.get("reasoning", out)
        + usage.output_audio_tokens * rates.get("output_audio", out)
    )


def _priced(millionths: int, terms: Terms) -> Cost:
    factor = terms.markup_bps * (BPS + terms.fee_bps)
    return Cost(
        upstream_n=Nanos(divide_up(millionths, MILLION)),
        charge_n=Nanos(divide_up(millionths * factor, MILLION * BPS * BPS)),
    )
