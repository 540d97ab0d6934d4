"""Spend over a period as a chart: hours of a day, days of a week or month, months of a year."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask_babel import format_date
from flask_babel import gettext as _

from app.charts import BarChart, Series, bar_chart
from core.rules.periods import Period, end_of, start_of

SHOWN_MODELS = 5


@dataclass(frozen=True, slots=True)
class Spend:
    """What one model cost in one slot of the period: an hour's number, a day, or a month's first day."""

    slot: int | date
    model_id: str
    charge_n: int


def spend_chart(period: Period, spends: Iterable[Spend], *, now: datetime) -> BarChart:
    """The dearest models each in a colour of their own, the rest together."""
    amounts: Counter[tuple[int | date, str]] = Counter()
    models: Counter[str] = Counter()
    for spend in spends:
        slot = spend.slot.replace(day=1) if period == "year" and isinstance(spend.slot, date) else spend.slot
        amounts[slot, spend.model_id] += spend.charge_n
        models[spend.model_id] += spend.charge_n
    slots = slots_of(period, now)
    shown = [model for model, _total in models.most_common(SHOWN_MODELS)]
    series = [Series(model, tuple(amounts[slot, model] for slot in slots)) for model in shown]
    if rest := [model for model in models if model not in shown]:
        series.append(
            Series(_("Others"), tuple(sum(amounts[slot, model] for model in rest) for slot in slots))
        )
    return bar_chart([label_of(period, slot) for slot in slots], series)


def slots_of(period: Period, now: datetime) -> Sequence[int | date]:
    """The columns of a period, those still to come as well, so that the chart keeps its shape."""
    first = start_of(period, now)
    if period == "day":
        return range(24)
    if period == "year":
        return [first.replace(month=month) for month in range(1, 13)]
    return [first + timedelta(days=n) for n in range((end_of(period, now).date() - first).days)]


def label_of(period: Period, slot: int | date) -> str:
    if not isinstance(slot, date):
        return f"{slot:02d}:00"
    pattern = {"week": "EEE d", "month": "d MMM", "year": "MMM"}[period]
    return str(format_date(slot, pattern))
