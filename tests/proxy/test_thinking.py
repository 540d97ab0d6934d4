"""Thinking is asked for in as many words as there are providers."""

import pytest

from proxy.chat_call import ChatCall
from proxy.formats.completions.call import CompletionsCall
from proxy.formats.messages.call import MessagesCall
from proxy.formats.responses.call import ResponsesCall
from proxy.thinking import asks_to_think

ASKED = [
    {"reasoning_effort": "low"},
    {"reasoning": {"effort": "high"}},
    {"reasoning": {"max_tokens": 2000}},
    {"reasoning": {"enabled": True, "effort": None}},
    {"reasoning": {"exclude": True}},
    {"reasoning": {"summary": "auto"}},
    {"include_reasoning": True},
    {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    {"thinking": {"type": "adaptive"}},
    {"thinking": True},
    {"enable_thinking": True},
    {"thinking_budget": 512},
    {"output_config": {"effort": "max"}},
    {"chat_template_kwargs": {"enable_thinking": True}},
    {"generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}},
    {"generation_config": {"thinking_config": {"thinking_level": "HIGH"}}},
    {"extra_body": {"google": {"thinking_config": {"thinking_budget": 512, "include_thoughts": False}}}},
    {"some_think_mode": "deep"},
]
NOT_ASKED = [
    {},
    {"reasoning_effort": None},
    {"reasoning_effort": "none"},
    {"reasoning": {}},
    {"reasoning": {"effort": None}},
    {"reasoning": {"effort": "none", "summary": "auto"}},
    {"reasoning": {"enabled": False}},
    {"reasoning": {"max_tokens": 0}},
    {"include_reasoning": False},
    {"thinking": {"type": "disabled"}},
    {"enable_thinking": False},
    {"thinking_budget": 0},
    {"output_config": {"format": {"type": "json_schema", "schema": {"properties": {"reasoning": {}}}}}},
    {"chat_template_kwargs": {"enable_thinking": False}},
    {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0, "includeThoughts": True}}},
    {"extra_body": "think"},
    {"tools": [{"type": "function", "function": {"name": "think", "parameters": {"reasoning": {}}}}]},
    {"response_format": {"type": "json_schema", "json_schema": {"schema": {"reasoning": {"a": 1}}}}},
    {"metadata": {"reason": "x"}},
]


@pytest.mark.parametrize("fields", ASKED)
def test_whatever_names_thinking_asks_for_it(fields):
    assert asks_to_think({"model": "a/b", **fields})


@pytest.mark.parametrize("fields", NOT_ASKED)
def test_what_switches_it_off_or_speaks_of_something_else_does_not(fields):
    assert not asks_to_think({"model": "a/b", **fields})


@pytest.mark.parametrize(
    ("parse", "body", "asking"),
    [
        (ChatCall.parse, b'"messages": [{"role": "user", "content": "Hi"}]', b'"reasoning_effort": "low"'),
        (
            MessagesCall.parse,
            b'"max_tokens": 2000, "messages": [{"role": "user", "content": "Hi"}]',
            b'"thinking": {"type": "enabled", "budget_tokens": 1024}',
        ),
        (ResponsesCall.parse, b'"input": "Hi"', b'"reasoning": {"effort": "low"}'),
        (CompletionsCall.parse, b'"prompt": "Hi"', b'"thinking_budget": 512'),
    ],
)
def test_a_call_in_every_format_knows_whether_it_asks(parse, body, asking):
    plain = parse(b'{"model": "a/b", %b}' % body)
    thinks = parse(b'{"model": "a/b", %b, %b}' % (body, asking))

    assert (plain.asks_to_think, thinks.asks_to_think) == (False, True)
