import inspect

import pytest

from simulator.dialect import Dialect, compact, encoded
from simulator.dialects import anthropic, gemini, openai, openai_completions, openai_embeddings

NAMES = [name for name, _ in inspect.getmembers(Dialect, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("dialect", [anthropic, gemini, openai, openai_completions, openai_embeddings])
@pytest.mark.parametrize("name", NAMES)
def test_each_offers_what_a_dialect_must(dialect, name):
    wanted = inspect.signature(getattr(Dialect, name))
    offered = inspect.signature(getattr(dialect, name))

    assert list(offered.parameters) == list(wanted.parameters)[1:]


def test_json_has_no_spaces_and_its_letters_as_they_are():
    assert compact({"a": [1, "漢 字"]}) == '{"a":[1,"漢 字"]}'


def test_an_unpaired_surrogate_becomes_a_question_mark():
    assert encoded("odd \ud800 letter") == b"odd ? letter"
