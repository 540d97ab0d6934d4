import pytest

from proxy.conversation import Inexpressible, Reasoning
from proxy.providers.anthropic.thinking import thinking

NEWER, OLDER = "claude-sonnet-5", "claude-haiku-4-5-20251001"
SUMMARIZED = {"type": "adaptive", "display": "summarized"}


def said(reasoning, *, model=NEWER, max_tokens=10_000):
    return thinking(reasoning, model=model, max_tokens=max_tokens)


@pytest.mark.parametrize("reasoning", [None, Reasoning()])
def test_what_was_not_asked_is_left_to_the_model(reasoning):
    assert said(reasoning) == (None, None)


def test_no_thinking_is_said_because_newer_models_think_by_themselves():
    assert said(Reasoning(is_off=True)) == ({"type": "disabled"}, None)


def test_tokens_are_a_budget():
    assert said(Reasoning(tokens=1024)) == ({"type": "enabled", "budget_tokens": 1024}, None)


def test_tokens_and_a_word_are_both_said():
    told = said(Reasoning(tokens=9_999, effort="high"))

    assert told == ({"type": "enabled", "budget_tokens": 9_999}, "high")


@pytest.mark.parametrize(
    ("word", "effort"),
    [("minimal", "low"), ("low", "low"), ("medium", "medium"), ("high", "high"), ("xhigh", "xhigh")],
)
def test_a_word_is_an_effort(word, effort):
    assert said(Reasoning(effort=word)) == (SUMMARIZED, effort)


@pytest.mark.parametrize(
    ("word", "tokens"), [("minimal", 1_024), ("low", 2_000), ("medium", 5_000), ("high", 8_000)]
)
def test_a_model_that_knows_budgets_alone_gets_a_share_of_the_answer(word, tokens):
    told = said(Reasoning(effort=word), model=OLDER)

    assert told == ({"type": "enabled", "budget_tokens": tokens}, None)


@pytest.mark.parametrize(
    ("model", "is_older"),
    [
        ("claude-3-7-sonnet-20250219", True),
        ("claude-opus-4-20250514", True),
        ("claude-opus-4-1-20250805", True),
        ("claude-opus-4-5", True),
        ("anthropic/claude-sonnet-4.5", True),
        ("claude-sonnet-4-0", True),
        ("claude-opus-4-6", False),
        ("claude-sonnet-4.6", False),
        ("claude-opus-4-6-20260205", False),
        ("claude-opus-4-10", False),
        ("claude-sonnet-5-5", False),
        ("claude-haiku-5-5", False),
        ("claude-mythos-preview", False),
    ],
)
def test_models_are_told_apart_by_when_they_came(model, is_older):
    told, _ = said(Reasoning(effort="low"), model=model)

    assert (told["type"] == "enabled") is is_older


@pytest.mark.parametrize(
    "reasoning",
    [
        Reasoning(tokens=1_023),
        Reasoning(tokens=10_000),
        Reasoning(tokens=0),
        Reasoning(effort="much"),
    ],
)
def test_a_budget_or_a_word_that_cannot_be_is_refused(reasoning):
    with pytest.raises(Inexpressible) as refused:
        said(reasoning)

    assert refused.value.param == "reasoning"


def test_an_answer_too_short_to_think_in_is_refused():
    with pytest.raises(Inexpressible, match="1024"):
        said(Reasoning(effort="high"), model=OLDER, max_tokens=1_024)
