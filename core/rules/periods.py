"""Calendar periods in UTC: a day, an ISO week from Monday, a month, a year."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal

Period = Literal["day", "week", "month", "year"]
LIMIT_PERIODS: tuple[Period, ...] = ("day", "week", "month")


def start_of(period: Period, now: datetime) -> date:
    """The first day of the period `now` is in."""
    today = now.astimezone(UTC).date()
    match period:
        case "day":
            return today
        case "week":
            return today - timedelta(days=today.weekday())
        case "month":
            return today.replace(day=1)
        case "year":
            return today.replace(month=1, day=1)


def end_of(period: Period, now: datetime) -> datetime:
    """The moment the period `now` is in gives way to the next."""
    first = start_of(period, now)
    match period:
        case "day":
            following = first + timedelta(days=1)
        case "week":
            following = first + timedelta(days=7)
        case "month":
            following = (first + timedelta(days=32)).replace(day=1)
        case "year":
            following = first.replace(year=first.year + 1)
    return datetime(following.year, following.month, following.day, tzinfo=UTC)
