import pytest

from catalog.rules import faults
from tests.catalog.rows import chat_model


def test_a_sound_catalogue_has_no_faults():
    models = [chat_model(), chat_model(id="openai/free", prices={"input": "0", "output": "0"})]

    assert faults(models) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"prices": {"input": "-1", "output": "1"}}, "input -1 is negative"),
        ({"prices": {"input": "1000.1", "output": "1000"}}, "input 1000.1 is above 1000 USD per 1M"),
        ({"prices": {"input": "10", "output": "0.99"}}, "output 0.99 is below a tenth of input 10"),
        ({"prices": {"input": "1", "output": "1", "cached_read": "1.1"}}, "cached_read 1.1 is above input 1"),
        ({"prices": {"input": "0.0000000001", "output": "1"}}, "input 0.0000000001 has more than 9 decimals"),
        ({"prices": {"input": "1", "output": "1", "gpu": "1"}}, "gpu is no price key"),
        ({"prices": {"input": "1"}}, "no output price"),
        ({"mode": "image", "prices": {}}, "no price"),
        ({"context": 511}, "context 511 is below 512"),
        ({"context": None}, "no context length"),
        ({"id": "OpenAI/gpt-4o"}, "the id is not author/name in lower case"),
        ({"id": "gpt-4o"}, "the id is not author/name in lower case"),
        ({"id": "openai/gpt-4o\n"}, "the id is not author/name in lower case"),
        (
            {"tiers": [{"above_input_tokens": 200000, "prices": {"cached_read": "9"}}]},
            "above 200000: cached_read 9 is above input 2.5",
        ),
        (
            {"tiers": [{"above_input_tokens": 2, "prices": {}}, {"above_input_tokens": 1, "prices": {}}]},
            "tiers [2, 1] do not rise",
        ),
    ],
)
def test_a_broken_rule_is_told_with_the_models_id(changes, fault):
    model = chat_model(**changes)

    found = faults([model])

    assert f"{model['id']}: {fault}" in found


def test_one_id_twice_is_a_fault():
    assert faults([chat_model(), chat_model()]) == ["openai/gpt-4o: the id is there 2 times"]
