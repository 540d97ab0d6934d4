"""A second opinion on input and output prices, from genai-prices.

Neither table is gospel. Where they differ the catalogue keeps litellm's price and the report shows both.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from genai_prices import Usage, calc_price

from catalog.litellm_prices import plain
from catalog.providers import PROVIDERS
from catalog.selection import TALKS, Model

# few enough to stay in the base tier of every model
_TOKENS = 1000
_PER_MILLION = 1_000_000 // _TOKENS
_MONDAY_TO_FRIDAY = 5
# DeepSeek halves its prices off peak; 08:00 UTC on a working day is peak
_PEAK_HOUR = time(8, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Difference:
    """One price two tables do not agree on, in USD per 1M tokens."""

    model: str
    price: str
    ours: str
    theirs: str


def compare(models: Iterable[Model], *, as_of: date) -> tuple[int, list[Difference]]:
    """Count the models both tables know and list the prices that differ."""
    at, both, found = _working_day(as_of), 0, []
    for model in models:
        theirs = second_opinion(model, at=at) if model["mode"] in TALKS else None
        if theirs is None:
            continue
        both += 1
        ours = {key: model["prices"][key] for key in ("input", "output")}
        found += [
            Difference(model["id"], key, ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]
        ]
    return both, found


def second_opinion(model: Model, *, at: datetime) -> dict[str, str] | None:
    """Ask genai-prices what the model costs per 1M tokens; None when it does not know the model."""
    genai = next(provider.genai for provider in PROVIDERS if provider.name == model["provider"])
    if not genai:
        return None
    usage = Usage(input_tokens=_TOKENS, output_tokens=_TOKENS)
    try:
        price = calc_price(usage, model["upstream_model"], provider_id=genai, genai_request_timestamp=at)
    except (LookupError, ValueError):
        # unknown model, or one without a price for text tokens
        return None
    return {"input": _text(price.input_price), "output": _text(price.output_price)}


def _text(price: Decimal) -> str:
    return plain(price * _PER_MILLION)


def _working_day(day: date) -> datetime:
    while day.weekday() >= _MONDAY_TO_FRIDAY:
        day -= timedelta(days=1)
    return datetime.combine(day, _PEAK_HOUR)
