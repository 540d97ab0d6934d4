"""What must hold for every model before the catalogue is written."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from catalog.litellm_prices import CHARACTER_KEYS, PRICE_KEYS, TOKEN_KEYS
from catalog.selection import DECIMALS, TALKS, Model, is_too_fine

ID = re.compile(r"[a-z0-9][a-z0-9._-]*/[a-z0-9][a-z0-9._:-]*")
_MOST_PER_MILLION = 1000
_LEAST_CONTEXT = 512
_OUTPUT_SHARE = 10


def faults(models: Sequence[Model]) -> list[str]:
    """List every broken rule with the model's id; an empty list means the catalogue may be written."""
    counts = Counter(model["id"] for model in models)
    doubled = [f"{found}: the id is there {count} times" for found, count in counts.items() if count > 1]
    return doubled + [f"{model['id']}: {fault}" for model in models for fault in _faults_of(model)]


def _faults_of(model: Model) -> Iterator[str]:
    if not ID.fullmatch(model["id"]):
        yield "the id is not author/name in lower case"
    if model["context"] is not None and model["context"] < _LEAST_CONTEXT:
        yield f"context {model['context']} is below {_LEAST_CONTEXT}"
    if model["mode"] in TALKS:
        yield from _faults_of_talk(model)
    if not model["prices"]:
        yield "no price"
    yield from _faults_of_prices(model["prices"], mode=model["mode"])
    for tier in model["tiers"]:
        effective = model["prices"] | tier["prices"]
        yield from (
            f"above {tier['above_input_tokens']}: {fault}"
            for fault in _faults_of_prices(effective, mode=model["mode"])
        )
    limits = [tier["above_input_tokens"] for tier in model["tiers"]]
    if limits != sorted(set(limits)) or any(limit <= 0 for limit in limits):
        yield f"tiers {limits} do not rise"


def _faults_of_talk(model: Model) -> Iterator[str]:
    if model["context"] is None:
        yield "no context length"
    for key in ("input", "output"):
        if key not in model["prices"]:
            yield f"no {key} price"


def _faults_of_prices(prices: Mapping[str, Any], *, mode: str) -> Iterator[str]:
    for key, text in prices.items():
        if key not in PRICE_KEYS:
            yield f"{key} is no price key"
        price = Decimal(text)
        if price < 0:
            yield f"{key} {text} is negative"
        if key in TOKEN_KEYS | CHARACTER_KEYS and price > _MOST_PER_MILLION:
            yield f"{key} {text} is above {_MOST_PER_MILLION} USD per 1M"
        if is_too_fine(text):
            yield f"{key} {text} has more than {DECIMALS} decimals"
    own, out, cached = (
        Decimal(prices[key]) if key in prices else None for key in ("input", "output", "cached_read")
    )
    if mode in TALKS and own is not None and out and out * _OUTPUT_SHARE < own:
        yield f"output {out} is below a tenth of input {own}"
    if own is not None and cached is not None and cached > own:
        yield f"cached_read {cached} is above input {own}"
