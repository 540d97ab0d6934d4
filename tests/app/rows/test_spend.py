from datetime import UTC, date, datetime

import pytest

from app.rows.spend import Spend, label_of, slots_of, spend_chart

NOW = datetime(2026, 2, 18, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "count", "first", "last"),
    [
        ("day", 24, 0, 23),
        ("week", 7, date(2026, 2, 16), date(2026, 2, 22)),
        ("month", 28, date(2026, 2, 1), date(2026, 2, 28)),
        ("year", 12, date(2026, 1, 1), date(2026, 12, 1)),
    ],
)
def test_a_period_has_all_its_columns(period, count, first, last):
    slots = slots_of(period, NOW)

    assert (len(slots), slots[0], slots[-1]) == (count, first, last)


@pytest.mark.parametrize(
    ("period", "slot", "label"),
    [
        ("day", 7, "07:00"),
        ("week", date(2026, 2, 18), "Wed 18"),
        ("month", date(2026, 2, 3), "3 Feb"),
        ("year", date(2026, 2, 1), "Feb"),
    ],
)
def test_columns_are_named_for_their_period(app, period, slot, label):
    with app.test_request_context():
        assert label_of(period, slot) == label


def test_the_dearest_models_have_colours_and_the_rest_share_one(app):
    spends = [Spend(date(2026, 2, 18), f"m{n}", n) for n in range(1, 9)]

    with app.test_request_context():
        chart = spend_chart("month", spends, now=NOW)

    assert [name for name, _css, _fill in chart.legend] == ["m8", "m7", "m6", "m5", "m4", "Others"]
    assert chart.columns[17].amounts == (8, 7, 6, 5, 4, 6)
    assert chart.total == 36


def test_in_a_year_the_days_of_a_month_are_one_column(app):
    spends = [Spend(date(2026, 2, 3), "m", 1), Spend(date(2026, 2, 18), "m", 2)]

    with app.test_request_context():
        chart = spend_chart("year", spends, now=NOW)

    assert [column.total for column in chart.columns] == [0, 3, *[0] * 10]
