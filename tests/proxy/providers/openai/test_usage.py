import pytest

from core.rules.prices import Usage
from proxy.providers import openai


def usage(prompt=10, completion=5, **details):
    return {"prompt_tokens": prompt, "completion_tokens": completion, **details}


def test_usage_is_read_with_its_details():
    stated = usage(
        100, 50,
        prompt_tokens_details={"cached_tokens": 30, "audio_tokens": 5, "cache_write_tokens": 7},
        completion_tokens_details={"reasoning_tokens": 20, "audio_tokens": 3},
    )  # fmt: skip

    assert openai.read_usage(stated) == Usage(
        input_tokens=100,
        output_tokens=50,
        cached_tokens=30,
        cache_write_tokens=7,
        input_audio_tokens=5,
        reasoning_tokens=20,
        output_audio_tokens=3,
    )


def test_thoughts_the_total_counts_beside_the_answer_are_output_too():
    stated = usage(100, 15, total_tokens=145, completion_tokens_details={"reasoning_tokens": 30})

    read = openai.read_usage(stated)

    assert (read.output_tokens, read.reasoning_tokens) == (45, 30)


def test_thoughts_that_only_the_total_counts_are_output_too():
    stated = {"prompt_tokens": 20, "completion_tokens": 424, "total_tokens": 1016}

    read = openai.read_usage(stated)

    assert (read.input_tokens, read.output_tokens, read.reasoning_tokens) == (20, 996, 572)
    assert not openai.adds_up(stated)  # nobody says what they are: they are charged within the hold


def test_without_thoughts_there_need_be_no_total():
    assert openai.adds_up({"prompt_tokens": 20, "completion_tokens": 424})


@pytest.mark.parametrize("total", [19, 443, 0, -1, 1 << 31, "1016", True, 443.5])
def test_a_total_below_its_parts_or_that_is_no_number_adds_nothing(total):
    stated = {"prompt_tokens": 20, "completion_tokens": 424, "total_tokens": total}

    assert openai.read_usage(stated) == Usage(input_tokens=20, output_tokens=424)
    assert not openai.adds_up(stated)


@pytest.mark.parametrize("total", [115, 126, None, "125"])
def test_thoughts_are_part_of_the_answer_unless_the_total_says_otherwise(total):
    stated = usage(100, 15, total_tokens=total, completion_tokens_details={"reasoning_tokens": 10})

    read = openai.read_usage(stated)

    assert (read.output_tokens, read.reasoning_tokens) == (15, 10)


def test_audio_that_was_cached_is_counted_once():
    stated = usage(
        100, 50,
        prompt_tokens_details={"cached_tokens": 80, "audio_tokens": 60},
        completion_tokens_details={"reasoning_tokens": 45, "audio_tokens": 10},
    )  # fmt: skip

    read = openai.read_usage(stated)

    assert (read.cached_tokens, read.input_audio_tokens) == (80, 20)
    assert (read.reasoning_tokens, read.output_audio_tokens) == (45, 5)


@pytest.mark.parametrize(
    "stated",
    [
        None, 5, "x", [], {}, {"prompt_tokens": 1},
        usage(-1), usage(1.5), usage("10"), usage(True), usage(1e308), usage(None), usage(1 << 31), usage([1]),
        usage(10, 5, prompt_tokens_details={"cached_tokens": 11}),
        usage(10, 5, completion_tokens_details={"reasoning_tokens": 6}),
        usage(10, 5, prompt_tokens_details={"cached_tokens": -3}),
        usage(10, 5, prompt_tokens_details={"cached_tokens": "3"}),
    ],
)  # fmt: skip
def test_usage_that_cannot_be_true_is_no_usage(stated):
    assert openai.read_usage(stated) is None


@pytest.mark.parametrize("details", [None, [], "x", 5])
def test_details_that_are_none_are_passed_over(details):
    assert openai.read_usage(usage(10, 5, prompt_tokens_details=details)) == Usage(
        input_tokens=10, output_tokens=5
    )


@pytest.mark.parametrize(
    ("total", "adds_up"), [(None, False), (15, True), (18, True), (16, False), (0, False), ("15", False)]
)
def test_a_total_is_the_sum_with_thoughts_in_it_or_beside(total, adds_up):
    stated = usage(10, 5, total_tokens=total, completion_tokens_details={"reasoning_tokens": 3})

    assert openai.adds_up(stated) == adds_up
