from datetime import UTC, date, datetime

from catalog.genai_prices_check import compare, second_opinion
from tests.catalog.rows import chat_model

FRIDAY = datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_the_second_opinion_is_in_our_unit():
    model = chat_model(id="openai/gpt-4.1", upstream_model="gpt-4.1")

    assert second_opinion(model, at=FRIDAY) == {"input": "2", "output": "8"}


def test_a_model_the_other_table_does_not_know_has_no_second_opinion():
    unknown = chat_model(upstream_model="no-such-model")
    elsewhere = chat_model(provider="deepinfra")

    assert second_opinion(unknown, at=FRIDAY) is None
    assert second_opinion(elsewhere, at=FRIDAY) is None


def test_only_prices_that_differ_are_listed():
    right = chat_model(id="openai/gpt-4.1", upstream_model="gpt-4.1", prices={"input": "2", "output": "8"})
    wrong = chat_model(id="openai/gpt-x", upstream_model="gpt-4.1", prices={"input": "2", "output": "9"})
    spoken = chat_model(id="openai/tts-1", upstream_model="tts-1", mode="speech", prices={"character": "15"})

    both, [difference] = compare([right, wrong, spoken], as_of=date(2026, 11, 21))

    assert both == 2
    assert (difference.model, difference.price, difference.ours, difference.theirs) == (
        "openai/gpt-x",
        "output",
        "9",
        "8",
    )
