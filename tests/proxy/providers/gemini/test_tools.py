import json

import msgspec
import pytest

from proxy.conversation import Ask, Inexpressible, Text, Tool, ToolChoice, Turn
from proxy.providers.gemini.tools import tool_fields

TURNS = (Turn("user", (Text("hello"),)),)
TIME = Tool("time")


def made(**fields):
    return json.loads(msgspec.json.encode(tool_fields(Ask(turns=TURNS, max_tokens=9, **fields))))


def calling(**fields):
    return made(**fields)["toolConfig"]["functionCallingConfig"]


@pytest.mark.parametrize("choice", [None, ToolChoice("auto"), ToolChoice("none")])
def test_without_tools_nothing_is_said_of_them(choice):
    assert made(tool_choice=choice, parallel_tools=False) == {}


@pytest.mark.parametrize("choice", [ToolChoice("any"), ToolChoice("one", "time")])
def test_a_call_cannot_be_demanded_without_tools(choice):
    with pytest.raises(Inexpressible) as refused:
        made(tool_choice=choice)

    assert refused.value.param == "tool_choice"


def test_all_functions_are_declared_in_one_tool_with_their_schemas_as_they_came():
    schema = msgspec.Raw(b'{"type": "object", "$defs": {"x": {"const": 1.0}}}')

    sent = msgspec.json.encode(
        tool_fields(Ask(turns=TURNS, max_tokens=9, tools=(Tool("f", "d", schema), TIME)))
    )

    assert json.loads(sent)["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "description": "d",
                    "parametersJsonSchema": {"type": "object", "$defs": {"x": {"const": 1.0}}},
                },
                {"name": "time"},
            ]
        }
    ]
    assert b'{"type": "object", "$defs": {"x": {"const": 1.0}}}' in sent


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (None, {"mode": "AUTO"}),
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("any"), {"mode": "ANY"}),
        (ToolChoice("one", "time"), {"mode": "ANY", "allowedFunctionNames": ["time"]}),
    ],
)
def test_what_may_be_called_is_said_by_a_mode(choice, config):
    assert calling(tools=(TIME,), tool_choice=choice) == config


@pytest.mark.parametrize(
    ("choice", "mode"),
    [(None, "VALIDATED"), (ToolChoice("auto"), "VALIDATED"), (ToolChoice("any"), "ANY"), (ToolChoice("none"), "NONE")],
)  # fmt: skip
def test_arguments_follow_the_schema_where_a_tool_asks_for_it(choice, mode):
    assert calling(tools=(TIME, Tool("f", strict=True)), tool_choice=choice) == {"mode": mode}


def test_calls_at_once_cannot_be_forbidden():
    with pytest.raises(Inexpressible, match="several tools at once") as refused:
        made(tools=(TIME,), parallel_tools=False)

    assert refused.value.param == "parallel_tool_calls"


def test_calls_at_once_are_what_the_model_does():
    assert made(tools=(TIME,), parallel_tools=True) == made(tools=(TIME,))
