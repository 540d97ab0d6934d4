import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadRequest
from proxy.formats.texts import read_texts

TOKENS = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=5)
TEXTS = st.text(min_size=1, max_size=5)


@given(TOKENS | TEXTS)
def test_one_is_read_as_a_list_of_one(one):
    assert read_texts({"input": one}, "input", most=1) == [one]


@given(st.lists(TOKENS | TEXTS, min_size=1, max_size=5))
def test_several_are_read_as_they_are(several):
    assert read_texts({"input": several}, "input", most=5) == several


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (None, "input"),
        ("", "input"),
        ([], "input"),
        ({}, "input"),
        (5, "input"),
        (["a", ""], "input[1]"),
        (["a", 5], "input[1]"),
        (["a", None], "input[1]"),
        (["a", []], "input[1]"),
        (["a", [1, "b"]], "input[1]"),
        ([None], "input[0]"),
        ([{"text": "a"}], "input[0]"),
        ([1, "a"], "input"),
        ([1, -1], "input"),
        ([1, True], "input"),
        ([True], "input"),
        ([2**31], "input"),
        ([1, 1.0], "input"),
        (["a"] * 6, "input"),
    ],
)
def test_what_is_neither_text_nor_tokens_is_refused_by_its_place(value, at):
    with pytest.raises(BadRequest) as refused:
        read_texts({"input": value}, "input", most=5)

    assert refused.value.param == at
