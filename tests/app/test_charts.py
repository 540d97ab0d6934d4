import pytest

from app.charts import Series, bar_chart, grid_step


@pytest.mark.parametrize(
    ("highest", "step"),
    [(1, 1), (4, 1), (5, 2), (8, 2), (9, 5), (20, 5), (21, 10), (1_234_567_890, 500_000_000)],
)
def test_grid_lines_stand_at_round_amounts(highest, step):
    assert grid_step(highest) == step


def test_the_highest_column_stays_under_the_highest_line():
    chart = bar_chart(["a", "b"], [Series("x", (7, 3)), Series("y", (6, 0))])

    top = chart.grid[-1]
    assert top.amount == 15
    assert min(bar.y for bar in chart.columns[0].bars) > top.y


def test_bars_of_a_column_stand_on_one_another():
    lower, upper = bar_chart(["a"], [Series("x", (30,)), Series("y", (10,))]).columns[0].bars

    assert upper.y + upper.height == pytest.approx(lower.y)
    assert lower.height == pytest.approx(3 * upper.height)


def test_a_smallest_amount_can_still_be_seen():
    bars = bar_chart(["a"], [Series("x", (1_000_000_000,)), Series("y", (1,))]).columns[0].bars

    assert bars[1].height == 1


def test_nothing_spent_still_has_a_scale():
    chart = bar_chart(["a"], [])

    assert chart.grid[-1].amount == 10_000_000
    assert chart.columns[0].bars == ()


def test_many_columns_label_a_few_and_always_the_last():
    columns = bar_chart([str(n) for n in range(31)], [Series("x", (1,) * 31)]).columns

    assert columns[-1].shown
    assert sum(column.shown for column in columns) <= 8
    assert columns[-1].x + columns[-1].slot == pytest.approx(100, abs=0.01)


def test_a_seventh_series_takes_the_last_colour():
    chart = bar_chart(["a"], [Series(str(n), (1,)) for n in range(7)])

    assert [css for _name, css, _fill in chart.legend] == ["s1", "s2", "s3", "s4", "s5", "s6", "s6"]
