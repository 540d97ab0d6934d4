"""What a client may say about who serves its call: `provider` and `models`, read strictly. Pure; no I/O."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, cast

import msgspec

from core.errors import BadRequest
from core.money import MAX_USD, NANOS_PER_USD, plain_decimal
from core.rules.prices import MILLION

MAX_FALLBACKS = 5
MAX_NAMES = 32
MAX_NAME = 200
MAX_DIGITS = 40
Sort = Literal["price", "throughput", "latency"]
SORTS = ("price", "throughput", "latency")
KNOWN = ("order", "only", "ignore", "allow_fallbacks", "sort", "max_price")
# The rate each limit is held against, and how many units it is stated for.
LIMITS = {
    "prompt": ("input", MILLION),
    "completion": ("output", MILLION),
    "request": ("request", 1),
    "image": ("input_image", 1),
}


class Preferences(msgspec.Struct, frozen=True):
    """Who may serve a call, and in which order. Providers go by their names."""

    order: tuple[str, ...] = ()
    only: tuple[str, ...] = ()  # none named: any
    ignore: tuple[str, ...] = ()
    allow_fallbacks: bool = True
    sort: Sort = "price"
    max_price: tuple[tuple[str, int], ...] = ()  # rates and the most they may be, as price cards state them


NONE = Preferences()


def read_preferences(document: Mapping[str, Any]) -> Preferences:
    """Read `provider`. Raises BadRequest naming the field that is wrong."""
    stated = document.get("provider")
    if stated is None:
        return NONE
    if not isinstance(stated, dict):
        raise BadRequest("provider must be an object.", param="provider")
    _refuse_unknown(stated, KNOWN, "provider")
    only = _names(stated, "only")
    if only == () and stated.get("only") is not None:
        raise BadRequest("provider.only must name a provider, or be left out.", param="provider.only")
    return Preferences(
        order=_names(stated, "order"),
        only=only,
        ignore=_names(stated, "ignore"),
        allow_fallbacks=_allow_fallbacks(stated),
        sort=_sort(stated),
        max_price=_max_price(stated),
    )


def read_fallbacks(document: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Read `models`, what is to be tried after the model itself: each once. Raises BadRequest."""
    names = document.get("models")
    if names is None:
        return ()
    if not isinstance(names, list):
        raise BadRequest("models must be a list of model ids.", param="models")
    for index, name in enumerate(names):
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise BadRequest(
                f"models[{index}] must name a model as provider/model-name.", param=f"models[{index}]"
            )
    found = tuple(name for name in dict.fromkeys(names) if name != model)
    if len(found) > MAX_FALLBACKS:
        raise BadRequest(f"models must name at most {MAX_FALLBACKS} models to fall back on.", param="models")
    return found


def _refuse_unknown(stated: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in stated:
        if name not in known:
            told = "".join(c for c in name if c.isprintable())[:40]
            raise BadRequest(
                f"{where}.{told} is not supported. Known are {', '.join(known)}.", param=f"{where}.{told}"
            )


def _names(stated: Mapping[str, Any], name: str) -> tuple[str, ...]:
    names = stated.get(name)
    if names is None:
        return ()
    is_list = isinstance(names, list) and len(names) <= MAX_NAMES
    if not is_list or not all(isinstance(one, str) and 1 <= len(one) <= MAX_NAME for one in names):
        raise BadRequest(
            f"provider.{name} must be a list of at most {MAX_NAMES} names of providers.",
            param=f"provider.{name}",
        )
    return tuple(dict.fromkeys(one.lower() for one in names))


def _allow_fallbacks(stated: Mapping[str, Any]) -> bool:
    value = stated.get("allow_fallbacks")
    if value is not None and not isinstance(value, bool):
        raise BadRequest("provider.allow_fallbacks must be true or false.", param="provider.allow_fallbacks")
    return value is not False


def _sort(stated: Mapping[str, Any]) -> Sort:
    value = stated.get("sort")
    if value is None:
        return "price"
    if not isinstance(value, str) or value not in SORTS:
        raise BadRequest(f"provider.sort must be one of {', '.join(SORTS)}.", param="provider.sort")
    return cast("Sort", value)


def _max_price(stated: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    limits = stated.get("max_price")
    if limits is None:
        return ()
    if not isinstance(limits, dict):
        raise BadRequest("provider.max_price must be an object.", param="provider.max_price")
    _refuse_unknown(limits, tuple(LIMITS), "provider.max_price")
    return tuple((LIMITS[name][0], _rate(value, name)) for name, value in limits.items() if value is not None)


def _rate(value: object, name: str) -> int:
    """Dollars for so many units as nano-dollars for a million of them: what price cards state."""
    field = f"provider.max_price.{name}"
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError  # noqa: TRY301, TRY004  # one answer to all that is no amount
        amount = plain_decimal(str(value)) if len(str(value)) <= MAX_DIGITS else Decimal(-1)
        if not 0 <= amount <= MAX_USD:
            raise ValueError  # noqa: TRY301
    except ValueError:
        raise BadRequest(f"{field} must be an amount of dollars, such as 0.5.", param=field) from None
    return int(amount * NANOS_PER_USD * (MILLION // LIMITS[name][1]))
