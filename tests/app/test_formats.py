from datetime import UTC, date, datetime

import pytest

from app import formats


@pytest.mark.parametrize(
    ("nanos", "glance", "tail"),
    [
        (0, "$0.00", ""),
        (12_345_678_901, "$12.34", "5678901"),
        (123_450, "$0.00", "012345"),
        (1_234_500_000_000, "$1,234.50", ""),
        (-5_000_000_001, "-$5.00", "0000001"),
    ],
)
def test_an_amount_is_cut_after_its_cents_and_loses_nothing(nanos, glance, tail):
    assert formats.usd_parts(nanos) == (glance, tail)
    assert formats.usd(nanos) == glance + tail


def test_in_a_column_every_amount_has_nine_decimals():
    assert formats.usd_exact(123_450) == "$0.000123450"


@pytest.mark.parametrize(
    ("nanos", "text"), [(10**9, "+$1.000000000"), (-(10**9), "-$1.000000000"), (0, "$0.000000000")]
)
def test_a_change_says_its_sign(nanos, text):
    assert formats.usd_change(nanos) == text


def test_times_are_in_utc_for_eyes_and_programs(app):
    with app.test_request_context():
        written = formats.moment(datetime(2026, 11, 21, 12, 3, 44, tzinfo=UTC))

        assert 'datetime="2026-11-21T12:03:44+00:00"' in written
        assert ">21 Nov, 12:03:44<" in written
        assert formats.day(date(2026, 11, 1)) == "1 November 2026"


@pytest.mark.parametrize(("ms", "text"), [(0, "0 ms"), (412, "412 ms"), (3149, "3.1 s"), (61_000, "61.0 s")])
def test_durations_are_short(app, ms, text):
    with app.test_request_context():
        assert formats.seconds(ms) == text


def test_counts_are_grouped(app):
    with app.test_request_context():
        assert formats.number(4_812_077) == "4,812,077"
