"""Periods are UTC, weeks begin on Monday, and every moment belongs to exactly one."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.periods import DAY_MS, EPOCH, LIMIT_PERIODS, Span, end_of, span_of, start_of

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
PERIODS = st.sampled_from(["day", "week", "month", "year"])


@pytest.mark.parametrize(
    ("period", "now", "start", "end"),
    [
        ("day", (2026, 3, 1), (2026, 3, 1), (2026, 3, 2)),
        ("day", (2024, 2, 28), (2024, 2, 28), (2024, 2, 29)),
        ("week", (2026, 1, 1), (2025, 12, 29), (2026, 1, 5)),  # a Thursday: week 1 began in December
        ("week", (2027, 1, 3), (2026, 12, 28), (2027, 1, 4)),  # a Sunday: week 53 of 2026
        ("week", (2027, 1, 4), (2027, 1, 4), (2027, 1, 11)),
        ("month", (2026, 1, 31), (2026, 1, 1), (2026, 2, 1)),
        ("month", (2024, 2, 29), (2024, 2, 1), (2024, 3, 1)),
        ("month", (2025, 12, 31), (2025, 12, 1), (2026, 1, 1)),
        ("year", (2024, 2, 29), (2024, 1, 1), (2025, 1, 1)),
    ],
)
def test_periods_begin_and_end_on_the_calendar(period, now, start, end):
    moment = datetime(*now, 23, 59, 59, 999_999, tzinfo=UTC)

    assert start_of(period, moment) == date(*start)
    assert end_of(period, moment) == datetime(*end, tzinfo=UTC)


def test_the_zone_of_a_clock_does_not_matter():
    taipei = datetime(2026, 2, 1, 7, 59, tzinfo=timezone(timedelta(hours=8)))

    assert start_of("day", taipei) == date(2026, 1, 31)
    assert end_of("month", taipei) == datetime(2026, 2, 1, tzinfo=UTC)


@given(PERIODS, MOMENTS)
def test_every_moment_is_in_the_period_it_is_said_to_be_in(period, now):
    first, end = start_of(period, now), end_of(period, now)

    assert datetime(first.year, first.month, first.day, tzinfo=UTC) <= now < end
    assert start_of(period, end) == end.date()
    assert start_of(period, end - timedelta(microseconds=1)) == first


def test_weeks_begin_on_monday():
    assert {start_of("week", datetime(2026, 1, d, tzinfo=UTC)).isoweekday() for d in range(1, 31)} == {1}


def test_keys_are_limited_by_day_week_or_month():
    assert LIMIT_PERIODS == ("day", "week", "month")


def test_a_span_is_a_period_in_the_words_of_the_counters():
    now_ms = int(datetime(2026, 3, 4, 5, 6, tzinfo=UTC).timestamp() * 1000)  # a Wednesday
    monday, month = 20_514, 20_513

    assert span_of("day", now_ms) == Span(20_516, 20_516, month, 20_516 * DAY_MS, 20_517 * DAY_MS)
    assert span_of("week", now_ms) == Span(monday, 20_516, month, monday * DAY_MS, (monday + 7) * DAY_MS)
    assert span_of("month", now_ms) == Span(month, 20_516, month, month * DAY_MS, (month + 31) * DAY_MS)


@given(PERIODS, MOMENTS)
def test_a_span_is_the_period_the_calendar_says(period, now):
    span = span_of(period, int(now.timestamp() * 1000))

    assert EPOCH + timedelta(days=span.first) == start_of(period, now)
    assert EPOCH + timedelta(days=span.today) == now.date()
    assert EPOCH + timedelta(days=span.month) == start_of("month", now)
    assert datetime.fromtimestamp(span.end_ms / 1000, UTC) == end_of(period, now)
    assert span.start_ms == span.first * DAY_MS


def test_a_day_ends_at_its_last_millisecond():
    midnight = 20_516 * DAY_MS

    assert (span_of("day", midnight - 1).today, span_of("day", midnight).today) == (20_515, 20_516)
