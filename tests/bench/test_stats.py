import pytest

from bench.stats import difference, middle, percentile, ratio


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1, 100), (0.001, 1)])
def test_a_percentile_is_a_value_that_was_measured(share, value):
    found = percentile(list(range(100, 0, -1)), share)

    assert found == value


def test_a_single_value_is_every_percentile():
    assert [percentile([7], share) for share in (0.01, 0.5, 0.99)] == [7, 7, 7]


def test_nothing_has_no_percentile_and_no_middle():
    assert percentile([], 0.5) is None
    assert middle([None]) is None


def test_a_ratio_is_taken_inside_each_round():
    of, to = {0: 20.0, 1: 60.0, 2: 50.0}, {0: 10.0, 1: 20.0, 2: 10.0}

    assert ratio(of, to) == 3.0


def test_rounds_that_lack_one_side_do_not_count():
    of, to = {0: 20.0, 1: None, 2: 90.0, 3: 5.0}, {0: 10.0, 1: 10.0, 3: 0.0}

    assert ratio(of, to) == 2.0
    assert ratio({0: 1.0}, {}) is None


def test_what_is_added_is_the_middle_of_the_differences_of_the_rounds():
    of, to = {0: 20.0, 1: 60.0, 2: None}, {0: 10.0, 1: 20.0, 2: 1.0}

    assert difference(of, to) == 25.0
