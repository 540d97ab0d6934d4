import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.prices import Usage
from proxy.providers.gemini.usage import adds_up, read_usage


def audio(count):
    return [{"modality": "TEXT", "tokenCount": 3}, {"modality": "AUDIO", "tokenCount": count}]


def test_thoughts_are_output_beside_the_answer_and_what_tools_found_is_input():
    stated = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 40,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 300,
        "toolUsePromptTokenCount": 7,
        "totalTokenCount": 427,
    }

    assert read_usage(stated) == Usage(
        input_tokens=107, output_tokens=320, cached_tokens=40, reasoning_tokens=300
    )


def test_a_total_that_says_thoughts_are_in_the_answer_is_believed():
    stated = {
        "promptTokenCount": 100,
        "candidatesTokenCount": 320,
        "thoughtsTokenCount": 300,
        "totalTokenCount": 420,
    }

    assert read_usage(stated) == Usage(input_tokens=100, output_tokens=320, reasoning_tokens=300)


def test_counts_of_nothing_may_be_missing():
    assert read_usage({"promptTokenCount": 5}) == Usage(input_tokens=5)


def test_sound_is_counted_where_it_was_heard_and_spoken():
    stated = {
        "promptTokenCount": 100,
        "candidatesTokenCount": 20,
        "promptTokensDetails": audio(60),
        "candidatesTokensDetails": audio(15),
    }

    assert read_usage(stated) == Usage(
        input_tokens=100, output_tokens=20, input_audio_tokens=60, output_audio_tokens=15
    )


def test_sound_that_was_cached_is_counted_as_cached():
    stated = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 50,
        "promptTokensDetails": audio(60),
        "cacheTokensDetails": audio(45),
    }

    assert read_usage(stated) == Usage(input_tokens=100, cached_tokens=50, input_audio_tokens=15)


def test_sound_is_never_more_than_what_is_left_of_the_whole():
    stated = {
        "promptTokenCount": 10,
        "cachedContentTokenCount": 8,
        "candidatesTokenCount": 1,
        "promptTokensDetails": audio(9),
        "candidatesTokensDetails": audio(9),
    }

    assert read_usage(stated) == Usage(
        input_tokens=10, output_tokens=1, cached_tokens=8, input_audio_tokens=2, output_audio_tokens=1
    )


@pytest.mark.parametrize(
    "stated",
    [
        None, [], "many", {}, {"candidatesTokenCount": 5},
        {"promptTokenCount": None}, {"promptTokenCount": "5"}, {"promptTokenCount": 5.0}, {"promptTokenCount": True},
        {"promptTokenCount": -1}, {"promptTokenCount": 2**31}, {"promptTokenCount": 5, "cachedContentTokenCount": 6},
        {"promptTokenCount": 5, "candidatesTokenCount": -1}, {"promptTokenCount": 5, "thoughtsTokenCount": [1]},
        {"promptTokenCount": 5, "candidatesTokenCount": 2**31 - 1, "thoughtsTokenCount": 1},
        {"promptTokenCount": 2**31 - 1, "toolUsePromptTokenCount": 1},
        {"promptTokenCount": 5, "candidatesTokenCount": 1, "thoughtsTokenCount": 2, "totalTokenCount": 6},
        {"promptTokenCount": 5, "promptTokensDetails": audio("x")}, {"promptTokenCount": 5, "totalTokenCount": "6"},
    ],
)  # fmt: skip
def test_what_cannot_be_true_is_no_usage(stated):
    assert read_usage(stated) is None


@pytest.mark.parametrize("details", [None, 5, {}, [None], [5], [{"modality": 1}], [{"modality": "AUDIO"}]])
def test_details_that_say_nothing_take_nothing_away(details):
    assert read_usage({"promptTokenCount": 5, "promptTokensDetails": details}) == Usage(input_tokens=5)


COUNTS = st.one_of(st.none(), st.integers(-2, 50), st.floats(), st.text(max_size=2), st.integers())
NAMES = st.sampled_from(
    ["promptTokenCount", "toolUsePromptTokenCount", "cachedContentTokenCount", "candidatesTokenCount",
     "thoughtsTokenCount", "totalTokenCount"]
)  # fmt: skip


@given(st.dictionaries(NAMES, COUNTS), COUNTS, COUNTS, COUNTS)
def test_usage_that_is_believed_never_has_a_detail_above_its_whole(stated, heard, cached, spoken):
    details = {
        "promptTokensDetails": audio(heard),
        "cacheTokensDetails": audio(cached),
        "candidatesTokensDetails": audio(spoken),
    }

    usage = read_usage({**stated, **details})

    if usage is not None:
        assert 0 <= usage.cached_tokens + usage.input_audio_tokens <= usage.input_tokens < 2**31
        assert 0 <= usage.reasoning_tokens + usage.output_audio_tokens <= usage.output_tokens < 2**31


@pytest.mark.parametrize(
    ("total", "is_sum"), [(None, False), (0, False), (-0.0, False), (17, True), (20, True), (18, False)]
)
def test_a_total_is_the_sum_with_thoughts_in_it_or_beside(total, is_sum):
    stated = {
        "promptTokenCount": 10,
        "toolUsePromptTokenCount": 2,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 3,
        "totalTokenCount": total,
    }

    assert adds_up(stated) == is_sum
