import json

import msgspec
import pytest

from proxy.conversation import Ask, Inexpressible, Reasoning, Shape, Text, Tool, ToolChoice, Turn
from proxy.providers.anthropic.request import request_body

TOOL = Tool("f")
SCHEMA = {"type": "object", "properties": {"a": {"type": "number"}}, "additionalProperties": False}


def written(*, model="claude-x", stream=False, **said):
    ask = Ask(**{"turns": (Turn("user", (Text("hi"),)),), "max_tokens": 20, **said})
    return json.loads(request_body(ask, model=model, stream=stream))


def raw(value):
    return msgspec.Raw(json.dumps(value).encode())


def test_a_stream_is_asked_for_in_the_body():
    assert written(stream=True)["stream"] is True
    assert "stream" not in written()


def test_the_system_prompt_is_blocks_with_their_cache_marks():
    body = written(system=(Text("be brief", cache=True), Text(""), Text("be kind")))

    assert body["system"] == [
        {"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "be kind"},
    ]


def test_what_steers_the_model_is_said_under_its_name_here():
    body = written(temperature=0.0, top_p=0.5, top_k=7, stop=("a", "b"), user="u-1")

    assert body["temperature"] == 0
    assert body["top_p"] == 0.5
    assert body["top_k"] == 7
    assert body["stop_sequences"] == ["a", "b"]
    assert body["metadata"] == {"user_id": "u-1"}


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("seed", 0),
        ("min_p", 0.1),
        ("frequency_penalty", -0.5),
        ("presence_penalty", 2.0),
        ("temperature", 1.01),
    ],
)
def test_what_does_not_exist_here_is_refused_by_name(param, value):
    with pytest.raises(Inexpressible, match=param) as refused:
        written(**{param: value})

    assert refused.value.param == param


@pytest.mark.parametrize("param", ["min_p", "frequency_penalty", "presence_penalty"])
def test_a_penalty_of_nothing_asks_for_nothing(param):
    assert written(**{param: 0.0}) == written()


def test_tools_are_written_with_their_schema_as_it_came():
    schema = msgspec.Raw(b'{ "type":"object", "properties":{"n":{"const":1.50}} }')

    tools = (Tool("f", "does f", schema, strict=True, cache=True), Tool("g"))
    body = request_body(
        Ask(turns=(Turn("user", (Text("hi"),)),), max_tokens=20, tools=tools), model="m", stream=False
    )

    assert bytes(schema) in body
    assert json.loads(body)["tools"] == [
        {
            "name": "f",
            "input_schema": {"type": "object", "properties": {"n": {"const": 1.5}}},
            "description": "does f",
            "strict": True,
            "cache_control": {"type": "ephemeral"},
        },
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]


@pytest.mark.parametrize(
    ("choice", "parallel", "said"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("any"), True, {"type": "any"}),
        (ToolChoice("any"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("one", "f"), False, {"type": "tool", "name": "f", "disable_parallel_tool_use": True}),
    ],
)
def test_which_tool_and_how_many_at_once_are_one_field(choice, parallel, said):
    body = written(tools=(TOOL,), tool_choice=choice, parallel_tools=parallel)

    assert body.get("tool_choice") == said


def test_one_tool_at_a_time_is_nothing_to_say_where_there_is_none():
    assert written(parallel_tools=False) == written()


def test_a_shape_is_a_schema_of_the_output():
    body = written(shape=Shape(schema=raw(SCHEMA), name="sum", strict=True))

    assert body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}


@pytest.mark.parametrize("shape", [Shape(), Shape(schema=raw(SCHEMA), description="a sum")])
def test_a_shape_that_is_not_a_schema_alone_is_refused(shape):
    with pytest.raises(Inexpressible) as refused:
        written(shape=shape)

    assert refused.value.param == "response_format"


def test_effort_and_shape_stand_in_one_object():
    body = written(shape=Shape(schema=raw(SCHEMA)), reasoning=Reasoning(effort="low"))

    assert body["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
