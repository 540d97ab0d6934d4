"""Calendar periods in UTC: a day, an ISO week from Monday, a month, a year."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal

Period = Literal["day", "week", "month", "year"]
LIMIT_PERIODS: tuple[Period, ...] = ("day", "week", "month")
DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)


def start_of(period: Period, now: datetime) -> date:
    """The first day of the period `now` is in."""
    return _first(period, now.astimezone(UTC).date())


def end_of(period: Period, now: datetime) -> datetime:
    """The moment the period `now` is in gives way to the next."""
    following = _following(period, start_of(period, now))
    return datetime(following.year, following.month, following.day, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """A period as counters tell it: days since 1970, and its bounds in Unix milliseconds."""

    first: int
    today: int
    month: int  # the first day of the month
    start_ms: int
    end_ms: int


def span_of(period: Period, now_ms: int) -> Span:
    """The period a moment is in. Kept for a day's calls: they all have the same."""
    return _span(period, now_ms // DAY_MS)


@lru_cache(maxsize=64)
def _span(period: Period, today: int) -> Span:
    day = EPOCH + timedelta(days=today)
    first = _first(period, day)
    start, end = (first - EPOCH).days, (_following(period, first) - EPOCH).days
    month = (day.replace(day=1) - EPOCH).days
    return Span(first=start, today=today, month=month, start_ms=start * DAY_MS, end_ms=end * DAY_MS)


def _first(period: Period, today: date) -> date:
    match period:
        case "day":
            return today
        case "week":
            return today - timedelta(days=today.weekday())
        case "month":
            return today.replace(day=1)
        case "year":
            return today.replace(month=1, day=1)


def _following(period: Period, first: date) -> date:
    match period:
        case "day":
            return first + timedelta(days=1)
        case "week":
            return first + timedelta(days=7)
        case "month":
            return (first + timedelta(days=32)).replace(day=1)
        case "year":
            return first.replace(year=first.year + 1)
