from datetime import date

from catalog.genai_prices_check import Difference
from catalog.report import LeftOut, report
from tests.catalog.rows import chat_model


def written(left_out=(), differences=()):
    return report(
        [chat_model(), chat_model(id="openai/tts-1", mode="speech")],
        left_out,
        compared=1,
        differences=differences,
        as_of=date(2026, 11, 21),
        sources=[{"name": "litellm", "version": "1.2.3", "license": "MIT"}],
    )


def test_models_are_counted_by_provider_and_mode():
    text = written()

    assert "As of 2026-11-21, from litellm 1.2.3: 2 models." in text
    assert "| provider | chat | speech | all |\n| --- | --- | --- | --- |\n| openai | 1 | 1 | 2 |\n" in text


def test_both_opinions_on_a_price_are_shown():
    text = written(differences=[Difference("openai/gpt-4o", "input", "2.5", "3")])

    assert "differs on 1 prices of 1 models" in text
    assert "| openai/gpt-4o | input | 2.5 | 3 |" in text


def test_rows_to_price_by_hand_are_named_and_the_rest_counted():
    text = written(
        left_out=[
            LeftOut("cohere", "command-x", "no price"),
            LeftOut("openai", "gpt-3", "retired"),
            LeftOut("openai", "gpt-4o", "no price"),
        ]
    )

    assert "| no price | 2 |\n| retired | 1 |\n" in text
    assert text.endswith("\n- cohere: command-x (no price)\n")
