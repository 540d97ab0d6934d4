import pytest

from core.rules.prices import Usage
from proxy.providers.anthropic.usage import Tally

BOUND = 1 << 31


def test_input_is_the_sum_of_what_was_read_cached_and_written():
    told = Tally().told(
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 200,
            "cache_creation_input_tokens": 3_000,
            "output_tokens": 7,
            "output_tokens_details": {"thinking_tokens": 5},
            "service_tier": "standard",
        }
    )

    assert told == Usage(
        input_tokens=3_210, output_tokens=7, cached_tokens=200, cache_write_tokens=3_000, reasoning_tokens=5
    )


def test_a_later_piece_tells_anew_what_it_names_and_no_more():
    tally = Tally()

    first = tally.told({"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 1})
    second = tally.told({"output_tokens": 50, "cache_read_input_tokens": None})
    third = tally.told({"input_tokens": 12, "output_tokens": 60})

    assert first == Usage(input_tokens=100, output_tokens=1, cached_tokens=90)
    assert second == Usage(input_tokens=100, output_tokens=50, cached_tokens=90)
    assert third == Usage(input_tokens=102, output_tokens=60, cached_tokens=90)


def test_the_same_said_again_is_told_again():
    tally = Tally()
    stated = {"input_tokens": 10, "output_tokens": 1}

    assert tally.told(stated) == tally.told(stated) == Usage(input_tokens=10, output_tokens=1)


def test_half_of_it_is_kept_until_the_other_half_is_said():
    tally = Tally()

    assert tally.told({"input_tokens": 10}) is None
    assert tally.told({"output_tokens": 5}) == Usage(input_tokens=10, output_tokens=5)


@pytest.mark.parametrize(
    "stated",
    [
        None,
        [],
        {},
        "many",
        {"output_tokens": -1},
        {"output_tokens": True},
        {"output_tokens": 1.0},
        {"output_tokens": "1"},
        {"output_tokens": BOUND},
        {"input_tokens": BOUND - 90},
        {"cache_read_input_tokens": [1]},
        {"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 6}},
        {"output_tokens": 5, "output_tokens_details": {"thinking_tokens": "5"}},
    ],
)
def test_what_cannot_be_true_tells_nothing_and_spoils_nothing(stated):
    tally = Tally()
    tally.told({"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 1})

    assert tally.told(stated) is None
    assert tally.told({"output_tokens": 2}) == Usage(input_tokens=100, output_tokens=2, cached_tokens=90)


def test_the_largest_counts_there_may_be_are_believed():
    told = Tally().told({"input_tokens": BOUND - 1, "output_tokens": BOUND - 1})

    assert told == Usage(input_tokens=BOUND - 1, output_tokens=BOUND - 1)


@pytest.mark.parametrize(
    ("later", "adds_up"),
    [
        ({"output_tokens": 50}, True),
        ({"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 1}, True),
        (
            {"cache_creation_input_tokens": 40, "output_tokens": 50},
            True,
        ),  # unknown at first, or so it was said
        ({"input_tokens": 11, "output_tokens": 50}, False),
        ({"input_tokens": 9, "output_tokens": 50}, False),
        ({"cache_read_input_tokens": 0, "output_tokens": 50}, False),
        ({"output_tokens": 0}, False),
    ],
)
def test_the_input_stays_what_it_was_and_the_output_only_grows(later, adds_up):
    tally = Tally()
    tally.told(
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 90,
            "cache_creation_input_tokens": 0,
            "output_tokens": 1,
        }
    )

    tally.told(later)
    tally.told({"output_tokens": 50})

    assert tally.adds_up == adds_up
