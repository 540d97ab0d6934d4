import msgspec
import pytest

from core.errors import BadRequest
from proxy.conversation import Inexpressible, Tool, ToolChoice
from proxy.formats.responses.fields import Fields
from proxy.formats.responses.tools import read_choice, read_tools

LOOK = {
    "type": "function",
    "name": "look",
    "description": "Look there.",
    "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
    "strict": False,
}


def test_functions_are_read_with_their_schema_as_it_was():
    tools = read_tools(
        Fields(
            {"tools": [LOOK, {"type": "function", "name": "stop", "parameters": None, "cache_control": {}}]}
        )
    )

    schema = msgspec.Raw(b'{"type":"object","properties":{"at":{"type":"string"}}}')
    assert tools == (Tool("look", "Look there.", schema, strict=False), Tool("stop", cache=True))


@pytest.mark.parametrize(
    ("choice", "made"),
    [
        (None, None), ("auto", ToolChoice("auto")), ("none", ToolChoice("none")), ("required", ToolChoice("any")),
        ({"type": "function", "name": "look"}, ToolChoice("one", "look")),
    ],
)  # fmt: skip
def test_a_choice_is_read(choice, made):
    assert read_choice(Fields({"tool_choice": choice}), [Tool("look")]) == made


@pytest.mark.parametrize(
    ("tool", "param"),
    [
        (5, ""), ({}, ".type"), ({"type": "function"}, ".name"),
        ({"type": "function", "function": {"name": "look"}}, ".name"),
        ({**LOOK, "parameters": "x"}, ".parameters"), ({**LOOK, "strict": "yes"}, ".strict"),
        ({**LOOK, "description": 5}, ".description"),
    ],
)  # fmt: skip
def test_a_tool_that_is_wrong_is_refused_by_name(tool, param):
    with pytest.raises(BadRequest) as refused:
        read_tools(Fields({"tools": [tool]}))

    assert refused.value.param == f"tools[0]{param}"


@pytest.mark.parametrize(
    ("tool", "param"),
    [({"type": "custom", "name": "free"}, ".type"), ({**LOOK, "output_schema": {}}, ".output_schema")],
)
def test_a_tool_that_has_no_place_elsewhere_is_refused_by_name(tool, param):
    with pytest.raises(Inexpressible) as refused:
        read_tools(Fields({"tools": [tool]}))

    assert refused.value.param == f"tools[0]{param}"


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        ("always", "tool_choice"), (5, "tool_choice"), ([], "tool_choice"), ({}, "tool_choice.type"),
        ({"type": "function"}, "tool_choice.name"), ({"type": "function", "name": "leap"}, "tool_choice.name"),
    ],
)  # fmt: skip
def test_a_choice_that_is_wrong_is_refused_by_name(choice, param):
    with pytest.raises(BadRequest) as refused:
        read_choice(Fields({"tool_choice": choice}), [Tool("look")])

    assert refused.value.param == param


@pytest.mark.parametrize("kind", ["allowed_tools", "web_search_preview", "custom"])
def test_another_choice_than_of_functions_is_refused_by_name(kind):
    with pytest.raises(Inexpressible) as refused:
        read_choice(Fields({"tool_choice": {"type": kind, "mode": "auto", "tools": []}}), [Tool("look")])

    assert refused.value.param == "tool_choice.type"
