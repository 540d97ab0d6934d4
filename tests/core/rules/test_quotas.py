"""Quotas begin anew when the contract says: tokens by UTC, points by the clock of Taipei."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.quotas import points_day, token_window

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
PERIODS = st.sampled_from(["5h", "day", "week", "month"])
TAIPEI = timezone(timedelta(hours=8))


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "now", "start", "end"),
    [
        ("5h", utc(2026, 3, 1), utc(2026, 3, 1), utc(2026, 3, 1, 5)),
        ("5h", utc(2026, 3, 1, 4, 59, 59), utc(2026, 3, 1), utc(2026, 3, 1, 5)),
        ("5h", utc(2026, 3, 1, 5), utc(2026, 3, 1, 5), utc(2026, 3, 1, 10)),
        ("5h", utc(2026, 3, 1, 19, 59), utc(2026, 3, 1, 15), utc(2026, 3, 1, 20)),
        ("5h", utc(2026, 3, 1, 20), utc(2026, 3, 1, 20), utc(2026, 3, 2)),  # of four hours
        ("5h", utc(2026, 12, 31, 23, 59), utc(2026, 12, 31, 20), utc(2027, 1, 1)),
        ("day", utc(2024, 2, 29, 12), utc(2024, 2, 29), utc(2024, 3, 1)),
        ("week", utc(2027, 1, 3, 23), utc(2026, 12, 28), utc(2027, 1, 4)),  # week 53
        ("month", utc(2026, 12, 31, 23, 59), utc(2026, 12, 1), utc(2027, 1, 1)),
    ],
)
def test_tokens_are_counted_in_windows_of_utc(period, now, start, end):
    assert token_window(period, now) == (start, end)
    assert token_window(period, now.astimezone(TAIPEI)) == (start, end)


@pytest.mark.parametrize(
    ("now", "start"),
    [
        (utc(2026, 3, 1, 15, 59, 59), utc(2026, 2, 28, 16)),
        (utc(2026, 3, 1, 16), utc(2026, 3, 1, 16)),
        (utc(2026, 12, 31, 16), utc(2026, 12, 31, 16)),
        (datetime(2026, 3, 1, 0, 0, tzinfo=TAIPEI), utc(2026, 2, 28, 16)),
    ],
)
def test_points_begin_anew_at_midnight_in_taipei(now, start):
    assert points_day(now) == (start, start + timedelta(days=1))


@given(PERIODS, MOMENTS)
def test_every_moment_is_in_exactly_one_window(period, now):
    for window in (lambda moment: token_window(period, moment), points_day):
        start, end = window(now)

        assert start <= now < end
        assert window(end)[0] == end
        assert window(end - timedelta(microseconds=1)) == (start, end)
