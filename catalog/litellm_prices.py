"""Prices of one row of litellm's table, in our keys and units, as exact decimal strings.

A key that is left out means the price is unknown; an explicit "0" means free. Nothing is guessed.

USD per 1M tokens:
    input, output               text in and out; input is what a token costs that no other key names
    cached_read                 input tokens served from the provider's cache
    cached_audio, cached_image  the same for audio and image tokens, where they differ
    cache_write, cache_write_1h input tokens written to the cache, for its default life and for one hour
    reasoning                   thinking tokens, where they cost other than output
    input_audio, output_audio, input_image_tokens, output_image_tokens,
    input_video_tokens, output_video_tokens
USD per 1M characters:
    character                   text to be spoken
USD per unit:
    image, input_image          one image out, one image in
    second_in, second_out       one second of audio in or out
    page                        one page read by OCR
    video_second                one second of video out at the provider's default resolution;
                                video_second_480p, _720p, _768p, _1080p, _2k, _4k where the source states it
    web_search                  one search; web_search_low, _medium, _high where the context size decides
    request                     one call

One thing has one unit: where the source gives a token price and also a per-image, per-second or per-character
estimate of the same thing, the token price counts. A tier holds for a whole call whose input is longer than
`above_input_tokens`; a key that a tier does not name keeps its base price. A kind of token that costs the
same as plain input or output keeps doing so in every tier.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]
Prices = dict[str, str]

_MILLION = 1_000_000

# our key -> litellm's fields, the first present one counts
_PER_TOKEN = {
    "input": ("input_cost_per_token",),
    "output": ("output_cost_per_token",),
    "cached_read": ("cache_read_input_token_cost", "input_cost_per_token_cache_hit"),
    "cached_audio": ("cache_read_input_audio_token_cost",),
    "cached_image": ("cache_read_input_image_token_cost",),
    "cache_write": ("cache_creation_input_token_cost",),
    "cache_write_1h": ("cache_creation_input_token_cost_above_1hr",),
    "reasoning": ("output_cost_per_reasoning_token",),
    "input_audio": ("input_cost_per_audio_token",),
    "output_audio": ("output_cost_per_audio_token",),
    "input_image_tokens": ("input_cost_per_image_token",),
    "output_image_tokens": ("output_cost_per_image_token",),
    "input_video_tokens": ("input_cost_per_video_token",),
    "output_video_tokens": ("output_cost_per_video_token",),
    "character": ("input_cost_per_character",),
}
_PER_UNIT = {
    "image": ("output_cost_per_image",),
    "input_image": ("input_cost_per_image",),
    "page": ("ocr_cost_per_page",),
    "request": ("input_cost_per_request",),
}
_LEADERS = {
    "reasoning": "output",
    "input_audio": "input",
    "input_image_tokens": "input",
    "input_video_tokens": "input",
}
_RESOLUTIONS = ("480p", "720p", "768p", "1080p", "2k", "4k")
_SEARCH_SIZES = ("low", "medium", "high")

CHARACTER_KEYS = frozenset({"character"})
TOKEN_KEYS = frozenset(_PER_TOKEN) - CHARACTER_KEYS
PRICE_KEYS = (
    *_PER_TOKEN,
    *_PER_UNIT,
    "second_in",
    "second_out",
    "video_second",
    *(f"video_second_{resolution}" for resolution in _RESOLUTIONS),
    "web_search",
    *(f"web_search_{size}" for size in _SEARCH_SIZES),
)

_ABOVE = re.compile(r"^(?P<field>.+)_above_(?P<thousands>\d+)k_tokens$")


def plain(value: Decimal | int) -> str:
    """Write a number without exponent and without trailing zeros."""
    number = Decimal(value)
    return format(number.normalize(), "f") if number else "0"


def per_million(value: Decimal | int) -> str:
    """Turn USD per token into USD per 1M tokens, exactly."""
    return plain(Decimal(value) * _MILLION)


def prices_of(row: Row, mode: str) -> Prices:
    """Read the base prices of a row, in the order of PRICE_KEYS."""
    found = _token_prices(row)
    found |= {
        key: plain(value) for key, fields in _PER_UNIT.items() if (value := _first(row, fields)) is not None
    }
    if mode == "image" and "image" not in found and "input_image" in found:
        # litellm's own calculator multiplies input_cost_per_image by the number of images made
        found["image"] = found.pop("input_image")
    if mode == "transcription":
        found |= _one(row, "second_in", ("input_cost_per_second", "output_cost_per_second"))
    if mode == "speech":
        found |= _one(row, "second_out", ("output_cost_per_second",))
    if mode == "video":
        found |= _video_prices(row)
    found |= _search_prices(row)
    found = _without_estimates(found)
    if not found and (tiers := _stepped(row)):
        found = _token_prices(tiers[0])
    return {key: found[key] for key in PRICE_KEYS if key in found}


def tiers_of(row: Row, base: Prices) -> list[dict[str, Any]]:
    """Read what changes for calls with long inputs, shortest first."""
    tiers: dict[int, dict[str, Any]] = {}
    for name, value in row.items():
        if (match := _ABOVE.match(name)) and value is not None:
            tiers.setdefault(int(match["thousands"]) * 1000, {})[match["field"]] = value
    for step in _stepped(row)[1:]:
        tiers.setdefault(int(step["range"][0]), {}).update(step)
    read = ((above, _token_prices(tier)) for above, tier in sorted(tiers.items()))
    found = [(above, _with_followers(base, prices)) for above, prices in read if prices]
    return [{"above_input_tokens": above, "prices": prices} for above, prices in found]


def _token_prices(row: Row) -> Prices:
    found = {key: _first(row, fields) for key, fields in _PER_TOKEN.items()}
    return {key: per_million(value) for key, value in found.items() if value is not None}


def _with_followers(base: Prices, tier: Prices) -> Prices:
    """Let image tokens that cost what input costs rise with it; the source names only input and output."""
    followers = {
        key: tier[leader]
        for key, leader in _LEADERS.items()
        if key not in tier and leader in tier and key in base and base[key] == base.get(leader)
    }
    return {key: price for key in PRICE_KEYS if (price := (tier | followers).get(key)) is not None}


def _stepped(row: Row) -> list[Row]:
    return sorted(row.get("tiered_pricing") or [], key=lambda step: Decimal(step["range"][0]))


def _first(row: Row, fields: tuple[str, ...]) -> Decimal | int | None:
    return next((row[field] for field in fields if row.get(field) is not None), None)


def _one(row: Row, key: str, fields: tuple[str, ...]) -> Prices:
    value = _first(row, fields)
    return {} if value is None else {key: plain(value)}


def _video_prices(row: Row) -> Prices:
    found = _one(row, "video_second", ("output_cost_per_second", "output_cost_per_video_per_second"))
    for resolution in _RESOLUTIONS:
        found |= _one(row, f"video_second_{resolution}", (f"output_cost_per_second_{resolution}",))
    return found


def _search_prices(row: Row) -> Prices:
    by_size = row.get("search_context_cost_per_query") or {}
    found = {
        size: plain(by_size[name])
        for size in _SEARCH_SIZES
        if (name := f"search_context_size_{size}") in by_size
    }
    if len(found) == len(_SEARCH_SIZES) and len(set(found.values())) == 1:
        return {"web_search": found["low"]}
    return {f"web_search_{size}": price for size, price in found.items()}


def _without_estimates(found: Prices) -> Prices:
    estimates = set()
    if "output_image_tokens" in found:
        estimates.add("image")
    if "input" in found:
        estimates |= {"input_image", "second_in", "second_out", "character"}
    return {key: price for key, price in found.items() if key not in estimates}
