"""Lists of allowed models: exact or an author's all, and a call must be on each that is not empty."""

import pytest

from core.rules.allowed_models import cleaned, is_allowed, why_not


def test_patterns_are_kept_in_lower_case_and_once():
    assert cleaned([" OpenAI/GPT-4o ", "anthropic/*", "openai/gpt-4o", "ANTHROPIC/*"]) == [
        "openai/gpt-4o",
        "anthropic/*",
    ]


@pytest.mark.parametrize(
    "patterns",
    [
        [],
        ["openai/gpt-4o"],
        ["openai/*"],
        ["meta-llama/llama-3.3-70b:free"],
        ["a/" + "b" * 98],
        [f"openai/model-{n}" for n in range(200)],
    ],
)
def test_these_lists_can_be_kept(patterns):
    assert why_not(patterns) is None


@pytest.mark.parametrize(
    ("patterns", "word"),
    [
        ([""], "''"),
        (["gpt-4o"], "'gpt-4o'"),
        (["*"], "'*'"),
        (["*/*"], "'*/*'"),
        (["*/gpt-4o"], "'*/gpt-4o'"),
        (["openai/gpt-*"], "'openai/gpt-*'"),
        (["openai/**"], "'openai/**'"),
        (["openai/"], "'openai/'"),
        (["/gpt-4o"], "'/gpt-4o'"),
        (["openai/gpt 4o"], "'openai/gpt 4o'"),
        (["openai/gpt-4o\n"], "openai/gpt-4o"),
        (["openai/a/b"], "'openai/a/b'"),
        (["OpenAI/gpt-4o"], "'OpenAI/gpt-4o'"),
        (["openai/gpt-4o", "openai/gpt-\u00e4"], "gpt-"),
        (["a/" + "b" * 99], "101"),
        ([f"openai/model-{n}" for n in range(201)], "201"),
    ],
)
def test_what_cannot_be_kept_is_named(patterns, word):
    assert word in (why_not(patterns) or "")


def test_a_hostile_pattern_is_judged_at_once():
    assert why_not(["a/" * 50]) is not None
    assert why_not(["a" * 10_000_000]) is not None


@pytest.mark.parametrize(
    ("lists", "allowed"),
    [
        ([], True),
        ([[], [], []], True),
        ([["openai/gpt-4o"]], True),
        ([["openai/*"]], True),
        ([["anthropic/*", "openai/gpt-4o"]], True),
        ([["openai/gpt-4"]], False),
        ([["openai/gpt-4o-mini"]], False),
        ([["open/*"]], False),
        ([["anthropic/*"]], False),
        ([["openai/*"], ["openai/gpt-4o"], []], True),
        ([["openai/*"], ["openai/gpt-4o-mini"]], False),
        ([["anthropic/*"], ["openai/*"]], False),
        ([frozenset({"openai/*"}), ()], True),
    ],
)
def test_a_model_must_be_on_every_list_that_is_not_empty(lists, allowed):
    assert is_allowed("openai/gpt-4o", lists) is allowed


def test_the_case_of_a_model_id_does_not_matter():
    assert is_allowed("OpenAI/GPT-4o", [["openai/gpt-4o"]])
