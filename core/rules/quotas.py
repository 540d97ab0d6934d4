"""When the quotas of plans begin anew (SPEC section 8)."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from core.rules.periods import end_of, start_of

TokenPeriod = Literal["5h", "day", "week", "month"]
WINDOW_H = 5
POINTS_ZONE = timedelta(hours=8)  # points begin anew at midnight in Taipei
A_DAY = timedelta(days=1)


def token_window(period: TokenPeriod, now: datetime) -> tuple[datetime, datetime]:
    """The window `now` is in, UTC: five hours from midnight on (the last window has four), or a period."""
    now = now.astimezone(UTC)
    if period != "5h":
        first = start_of(period, now)
        return datetime(first.year, first.month, first.day, tzinfo=UTC), end_of(period, now)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight + timedelta(hours=now.hour // WINDOW_H * WINDOW_H)
    return start, min(start + timedelta(hours=WINDOW_H), midnight + A_DAY)


def points_day(now: datetime) -> tuple[datetime, datetime]:
    """The day of points `now` is in: from 00:00 to 24:00, UTC+8."""
    local = now.astimezone(UTC) + POINTS_ZONE
    start = local.replace(hour=0, minute=0, second=0, microsecond=0) - POINTS_ZONE
    return start, start + A_DAY
