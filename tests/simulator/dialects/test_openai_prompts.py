import pytest

from simulator.asks import Message
from simulator.dialects.openai_prompts import read_prompts
from simulator.refusals import Refusal


@pytest.mark.parametrize(
    ("found", "texts", "tokens"),
    [
        ("12345", ["12345"], 2),
        ("", [""], 1),
        (["1234", "12345"], ["1234", "12345"], 1 + 2),
        ([0, 1, 256], ["acorn almond acorn"], 3),
        ([[0, 1], [2]], ["acorn almond", "amber"], 2 + 1),
        (["1234", [2]], ["1234", "amber"], 1 + 1),
    ],
)
def test_texts_and_tokens_are_read_and_counted(found, texts, tokens):
    prompts = tuple(Message("user", text) for text in texts)

    assert read_prompts({"input": found}, "input", most=3) == (prompts, tokens)


@pytest.mark.parametrize(
    "found", [None, 5, {}, [], [[]], ["a", 5], [-1], [True], [2**31], ["a"] * 4, [["a"]]]
)
def test_anything_else_is_refused_by_its_name(found):
    with pytest.raises(Refusal) as refused:
        read_prompts({"input": found}, "input", most=3)

    assert refused.value.param == "input"
