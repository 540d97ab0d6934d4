"""What usage costs: pure integer arithmetic over a price card.

All rates are nano-dollars per million units, whatever the unit is (a token, an image, a second, a character).
Multiply first, divide once, round up once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import msgspec

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

NEEDED: Mapping[str, tuple[str, ...]] = {"chat": ("input", "output"), "ocr": ("page",)}  # by mode


class Usage(msgspec.Struct, frozen=True):
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


class Step(NamedTuple):
    """The rates of calls with more input than this: a detail without one of its own has that of the rest."""

    above_input_tokens: int
    request: int
    into: int
    cached: int
    written: int
    audio_in: int
    out: int
    reasoning: int
    audio_out: int

    @classmethod
    def of(cls, rates: Mapping[str, int], *, above: int) -> "Step":
        rate, into, out = rates.get, rates["input"], rates["output"]
        return cls(
            above_input_tokens=above,
            request=rate("request", 0),
            into=into,
            cached=rate("cached_read", into),
            written=rate("cache_write", into),
            audio_in=rate("input_audio", into),
            out=out,
            reasoning=rate("reasoning", out),
            audio_out=rate("output_audio", out),
        )


class Highest(NamedTuple):
    """What a request costs, and a token of its input and of its output at most, above so much input."""

    above_input_tokens: int
    request: int
    into: int
    out: int


S = TypeVar("S", Step, Highest)


@dataclass(frozen=True, slots=True)
class PriceCard:
    """One immutable version of an offer's prices."""

    id: str
    rates: Mapping[str, int]
    tiers: tuple[Tier, ...] = ()
    # Worked out once, for many calls; the highest threshold last.
    steps: tuple[Step, ...] = field(init=False, compare=False, repr=False)
    highest: tuple[Highest, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        tiers = sorted((Tier(-1, {}), *self.tiers), key=lambda tier: tier.above_input_tokens)
        steps = [
            Step.of({**self.rates, **tier.rates}, above=tier.above_input_tokens)
            for tier in tiers
            if self.is_complete()
        ]
        object.__setattr__(self, "steps", tuple(steps))  # frozen for everybody else
        object.__setattr__(self, "highest", tuple(_highest(steps)))

    def is_complete(self, mode: str = "chat") -> bool:
        """Say whether usage in this mode can be priced: an unknown price is refused, never zero."""
        return all(name in self.rates for name in NEEDED.get(mode, NEEDED["chat"]))


@dataclass(frozen=True, slots=True)
class Terms:
    """What is put on top of the provider's price, in basis points: markup 10000 = none, fee 1000 = 10 %."""

    markup_bps: int = BPS
    fee_bps: int = 1000


class Cost(msgspec.Struct, frozen=True):
    """What the provider bills and what the wallet pays, in nano-dollars."""

    upstream_n: Nanos = Nanos(0)
    charge_n: Nanos = Nanos(0)

    def plus(self, other: "Cost") -> "Cost":
        return Cost(Nanos(self.upstream_n + other.upstream_n), Nanos(self.charge_n + other.charge_n))


def cost_of(usage: Usage, card: PriceCard, terms: Terms) -> Cost:
    """Price usage. A detail (cached, reasoning, audio) without a rate of its own costs what the rest does.

    Raises ValueError for a card that does not state what input and output cost.
    """
    millionths = _millionths(usage, _reached(card.steps, usage.input_tokens))
    return Cost(Nanos(divide_up(millionths, MILLION)), _charge_n(millionths, terms))


def cost_of_pages(pages: int, card: PriceCard, terms: Terms) -> Cost:
    """Price the reading of pages. Raises KeyError for a card that does not state what one costs."""
    millionths = pages * card.rates["page"]
    return Cost(Nanos(divide_up(millionths, MILLION)), _charge_n(millionths, terms))


def plain_price(card: PriceCard, *, input_tokens: int, output_tokens: int) -> int:
    """What plain input and output take, in millionths of a nano-dollar: enough to compare cards by."""
    rates = _reached(card.steps, input_tokens)
    return rates.request + input_tokens * rates.into + output_tokens * rates.out


def worst_charge(cards: Iterable[PriceCard], *, input_tokens: int, output_tokens: int, terms: Terms) -> Nanos:
    """The most a call may be charged by any of these cards, with at most so much input and output."""
    return _charge_n(max([_most(card, input_tokens, output_tokens) for card in cards]), terms)


def _most(card: PriceCard, input_tokens: int, output_tokens: int) -> int:
    highest = _reached(card.highest, input_tokens)
    return highest.request + input_tokens * highest.into + output_tokens * highest.out


def _highest(steps: Sequence[Step]) -> Iterator[Highest]:
    """From each step on, and on all below it."""
    request = into = out = 0
    for step in steps:
        request = max(request, step.request)
        into = max(into, step.into, step.cached, step.written, step.audio_in)
        out = max(out, step.out, step.reasoning, step.audio_out)
        yield Highest(step.above_input_tokens, request, into, out)


def _reached(steps: tuple[S, ...], input_tokens: int) -> S:
    """The last step a call with so much input reaches."""
    if len(steps) == 1:
        return steps[0]
    if not steps:
        raise ValueError("input and output have no price on this card")
    return next(step for step in reversed(steps) if input_tokens > step.above_input_tokens)


def _millionths(usage: Usage, rates: Step) -> int:
    cached, written, audio_in = usage.cached_tokens, usage.cache_write_tokens, usage.input_audio_tokens
    reasoning, audio_out = usage.reasoning_tokens, usage.output_audio_tokens
    return (
        rates.request
        + max(0, usage.input_tokens - cached - written - audio_in) * rates.into
        + cached * rates.cached
        + written * rates.written
        + audio_in * rates.audio_in
        + max(0, usage.output_tokens - reasoning - audio_out) * rates.out
        + reasoning * rates.reasoning
        + audio_out * rates.audio_out
    )


def _charge_n(millionths: int, terms: Terms) -> Nanos:
    factor = terms.markup_bps * (BPS + terms.fee_bps)
    return Nanos(divide_up(millionths * factor, MILLION * BPS * BPS))
