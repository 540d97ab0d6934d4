import pytest

from bench.report import CHUNK, CPU, RATE, Report, shown, table
from bench.rounds import Measured


def row(target, phase, number, **figures):
    return Measured(target, phase, number, **figures)


@pytest.fixture
def rows():
    """Two rounds; the machine was half as fast in the second."""
    found = []
    for number, slow in ((0, 1), (1, 2)):
        found += [
            row("direct", "plain 1", number, p50_us=10 * slow, p99_us=20 * slow),
            row("ours", "plain 1", number, p50_us=110 * slow, p99_us=320 * slow),
            row("nginx", "plain 16", number, units_per_s=40_000 / slow, cpu_us=20 * slow, cores=0.8),
            row("ours", "plain 16", number, units_per_s=8_000 / slow, cpu_us=120 * slow, cores=0.96,
                parts_us={"valkey": 30 * slow}, scripts=1.0),
            row("litellm", "plain 16", number, units_per_s=50 / slow, cpu_us=20_000 * slow, cores=1.0),
            row("nginx", "paced 16", number, units_per_s=8_000, cpu_us=10 * slow),
            row("ours", "paced 16", number, units_per_s=8_000, cpu_us=30 * slow),
        ]  # fmt: skip
    return found


def test_ratios_are_those_of_the_rounds_however_fast_the_machine_was(rows):
    report = Report(rows)

    assert report.ratio("ours", "nginx", "plain 16", "cpu_us") == 6
    assert report.ratio("ours", "litellm", "plain 16", "units_per_s") == 160
    assert report.ratio("ours", "litellm", "plain 16", "per_core_s") == pytest.approx(160 / 0.96)
    assert report.added("ours", "plain 1", "p99_us") == 450


def test_every_level_says_how_far_the_run_came(rows):
    levels = Report(rows).levels()

    assert {level.title: level.reached(value) for level, value in levels.items()} == {
        "CPU a call, to nginx": "target",
        "calls a second and core, to LiteLLM": "target",
        "CPU a paced event, to nginx": "good",
        "added p99, one call at a time": "target",
        "added to the first event, one stream": "not measured",
    }


@pytest.mark.parametrize(
    ("level", "value", "reached"),
    [
        (CPU, 7, "target"),
        (CPU, 7.01, "good"),
        (CPU, 33.1, "missed"),
        (RATE, 120, "target"),
        (RATE, 64.9, "floor"),
        (RATE, 29, "missed"),
        (CHUNK, None, "not measured"),
    ],
)
def test_a_level_is_reached_at_its_bound(level, value, reached):
    assert level.reached(value) == reached


def test_a_run_that_went_wrong_is_told_and_not_counted(rows):
    bad = row("ours", "plain 16", 2, units_per_s=10**6, cpu_us=1, faults=["3 x status 429"])

    report = Report([*rows, bad])

    assert report.ratio("ours", "nginx", "plain 16", "cpu_us") == 6
    assert "- ours, plain 16, round 3: 3 x status 429" in report.text()


def test_somebody_elses_load_is_told(rows):
    rows[3].others = 0.31

    assert "Others used 0% of this machine, and up to 31%" in Report(rows).text()


def test_the_report_has_a_line_for_each_relay(rows):
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in Report(rows).text().splitlines()]

    assert ["ours", "6.00", "167", "3.00", "-", "-", "-"] in lines
    assert ["ours", "45.0", "1.00"] in lines
    assert ["ours", "plain 16", "6,000", "180", "0.96", "-", "-"] in lines


def test_a_report_of_nothing_is_one_too():
    assert "not measured" in Report([]).text()


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (1234.5, "1,234"), (12.345, "12.3"), (1.2345, "1.23"), (0.01234, "0.0123"), (0.0, "0")],
)
def test_a_figure_has_three_digits(value, text):
    assert shown(value) == text


def test_columns_line_up():
    assert table(("name", "n"), [["a", "1"], ["longer", "10"]]) == (
        "| name   |  n |\n| ------ | -: |\n| a      |  1 |\n| longer | 10 |"
    )
