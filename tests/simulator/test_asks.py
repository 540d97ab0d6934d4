import pytest

from simulator.asks import Message, digest_of, prompt_tokens


@pytest.mark.parametrize(
    ("messages", "tokens"),
    [
        ([Message("user", "")], 2 + 4),
        ([Message("user", "1234")], 2 + 4 + 1),
        ([Message("user", "12345")], 2 + 4 + 2),
        ([Message("user", "漢字")], 2 + 4 + 2),
        ([Message("user", "\ud800")], 2 + 4 + 1),
        ([Message("system", "a"), Message("user", "b", media_parts=2)], 2 + 4 + 1 + 4 + 1 + 170),
    ],
)
def test_a_prompt_is_counted_by_the_rule(messages, tokens):
    assert prompt_tokens(messages) == tokens


def test_a_digest_does_not_depend_on_the_order_of_fields():
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of("a", 1) != digest_of("a", 2)
