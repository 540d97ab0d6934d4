"""Which offers may serve a call, and which is asked first. Pure; no I/O."""

from collections.abc import Callable, Iterable

from core.rules.health import Pace
from core.rules.prices import PriceCard
from proxy.catalog import Offer
from proxy.routing.preferences import NONE, Preferences

UNKNOWN = float("inf")


def who_may_serve(
    offers: Iterable[Offer], preferences: Preferences, *, input_tokens: int
) -> tuple[Offer, ...]:
    """The offers a client accepts for a call with at most so much input."""
    if preferences is NONE:
        return tuple(offers)
    return tuple(
        offer
        for offer in offers
        if _is_accepted(offer.provider.name, preferences)
        and all(_dearest(offer.card, rate, input_tokens) <= most for rate, most in preferences.max_price)
    )


def in_order(
    offers: Iterable[Offer],
    preferences: Preferences,
    *,
    price: Callable[[Offer], int],
    pace: Callable[[Offer], Pace],
) -> list[Offer]:
    """Those named first, as they are named; the others by what they are to be sorted by, then by price."""
    if preferences is NONE:
        return sorted(offers, key=price)
    places = {name: place for place, name in enumerate(preferences.order)}

    def place(offer: Offer) -> tuple[int, float, int]:
        named = places.get(offer.provider.name, len(places))
        return named, _slowness(pace(offer), preferences), price(offer)

    return sorted(offers, key=place)


def _is_accepted(name: str, preferences: Preferences) -> bool:
    if preferences.only and name not in preferences.only:
        return False
    is_bound = bool(preferences.order) and not preferences.allow_fallbacks
    return name not in preferences.ignore and (not is_bound or name in preferences.order)


def _dearest(card: PriceCard, rate: str, input_tokens: int) -> int:
    """The most this rate may be in the call: long inputs may have rates of their own."""
    rates = [card.rates, *(tier.rates for tier in card.tiers if tier.above_input_tokens < input_tokens)]
    return max(of.get(rate, 0) for of in rates)


def _slowness(pace: Pace, preferences: Preferences) -> float:
    """An offer nobody has measured comes after those that were."""
    match preferences.sort:
        case "latency":
            return UNKNOWN if pace.first_ms is None else pace.first_ms
        case "throughput":
            return UNKNOWN if pace.tokens_per_s is None else -pace.tokens_per_s
        case _:
            return 0
