import json

import msgspec
import pytest

from proxy.conversation import Ask, Inexpressible, Reasoning, Shape, Text, Tool, ToolChoice, Turn
from proxy.providers.openai import OpenAI

HELLO = (Turn("user", (Text("hi"),)),)


def body(dialect=None, *, stream=False, **asked):
    ask = Ask(**{"turns": HELLO, "max_tokens": 7, **asked})
    return json.loads((dialect or OpenAI()).request_body(ask, model="theirs", stream=stream))


def test_a_call_says_no_more_than_was_asked():
    assert body() == {"model": "theirs", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 7}


def test_a_model_is_told_its_bound_in_the_field_it_knows():
    made = body(OpenAI(limit="max_completion_tokens"))

    assert made["max_completion_tokens"] == 7
    assert "max_tokens" not in made


def test_a_stream_is_asked_for_with_its_usage():
    made = body(stream=True)

    assert (made["stream"], made["stream_options"]) == (True, {"include_usage": True})


def test_how_it_is_sampled_is_passed_on():
    asked = {
        "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.0, "frequency_penalty": 1.0, "presence_penalty": -1.0,
        "seed": 0, "user": "u",
    }  # fmt: skip

    made = body(**asked, stop=("a", "b"), parallel_tools=False)

    assert {name: made[name] for name in asked} == asked
    assert (made["stop"], made["parallel_tool_calls"]) == (["a", "b"], False)


@pytest.mark.parametrize("name", ["top_k", "min_p"])
def test_a_strict_provider_is_not_asked_for_what_openai_does_not_know(name):
    with pytest.raises(Inexpressible) as refused:
        body(OpenAI(strict=True), **{name: 1})

    assert refused.value.param == name


def test_tools_keep_their_schema_and_their_mark():
    tool = Tool("f", description="d", schema=msgspec.Raw(b'{"b": 1.50}'), strict=True, cache=True)
    ask = Ask(turns=HELLO, max_tokens=1, tools=(tool, Tool("g")))

    made = OpenAI().request_body(ask, model="m", stream=False)

    assert b'"parameters":{"b": 1.50}' in made
    assert json.loads(made)["tools"] == [
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": {"b": 1.5}, "strict": True},
            "cache_control": {"type": "ephemeral"},
        },
        {"type": "function", "function": {"name": "g"}},
    ]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("any"), "required"),
        (ToolChoice("one", "f"), {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_a_choice_of_tools_is_in_openais_words(choice, said):
    assert body(tool_choice=choice)["tool_choice"] == said


def test_a_form_without_a_name_is_given_one():
    schema = msgspec.Raw(b'{"type":"object"}')

    assert body(shape=Shape())["response_format"] == {"type": "json_object"}
    assert body(shape=Shape(schema=schema, strict=True))["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
    }


@pytest.mark.parametrize(
    ("reasoning", "effort"),
    [
        (Reasoning(), None),
        (Reasoning(is_off=True), "none"),
        (Reasoning(effort="minimal"), "minimal"),
        (Reasoning(tokens=1_024), "low"),
        (Reasoning(tokens=2_048), "low"),
        (Reasoning(tokens=2_049), "medium"),
        (Reasoning(tokens=8_192), "medium"),
        (Reasoning(tokens=8_193), "high"),
    ],
)
def test_how_much_is_thought_is_said_in_a_word(reasoning, effort):
    assert body(reasoning=reasoning).get("reasoning_effort") == effort


def test_thought_in_a_word_and_in_tokens_is_refused():
    with pytest.raises(Inexpressible) as refused:
        body(reasoning=Reasoning(effort="low", tokens=1_024))

    assert refused.value.param == "reasoning"


def test_every_call_goes_to_one_path_with_our_credential():
    assert OpenAI().path("theirs", stream=True) == "/chat/completions"
    assert OpenAI().headers("key")["Authorization"] == "Bearer key"
