import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadRequest
from proxy.conversation import (
    Ask,
    Inexpressible,
    Media,
    Reasoning,
    Shape,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)
from proxy.formats.messages.call import MessagesCall
from proxy.formats.messages.request import read_ask
from tests.proxy.formats.messages.requests import CACHE, FULL, PDF, PICTURE, PLACES, anything, body, spoiled

SCHEMA = {"type": "object"}


def asked(**fields):
    return read_ask(MessagesCall.parse(body(**fields)).fields, max_tokens=30)


def test_a_plain_call_says_no_more_than_was_said():
    assert asked() == Ask(turns=(Turn("user", (Text("Hello"),)),), max_tokens=30)


def test_a_call_of_everything_is_said_whole():
    ask = read_ask(MessagesCall.parse(json.dumps(FULL).encode()).fields, max_tokens=25)

    assert ask == Ask(
        system=(Text("Be brief.", cache=True),),
        turns=(
            Turn(
                "user",
                (
                    Text("Look.", cache=True),
                    Media("image", data="iVBOR", media_type="image/png"),
                    Media("image", url="https://x/y.png"),
                    Media("file", data="JVBERi0", media_type="application/pdf", name="Report"),
                    Text("Words"),
                ),
            ),
            Turn(
                "assistant",
                (Thinking("Hm.", "sig"), Thinking(redacted="hidden"), ToolUse("t1", "look", '{"at": 1}')),
            ),
            Turn("user", (ToolResult("t1", (Text("Seen"),), is_error=True),)),
        ),
        tools=(Tool("look", "Looks.", msgspec.Raw(b'{"type": "object"}')),),
        tool_choice=ToolChoice("auto"),
        parallel_tools=False,
        shape=Shape(msgspec.Raw(b'{"type": "object"}'), strict=True),
        max_tokens=25,
        temperature=1,
        top_p=0.9,
        top_k=40,
        stop=("END",),
        reasoning=Reasoning(tokens=1024),
        user="u-1",
    )


def test_a_beginning_of_the_answer_stays_the_last_turn():
    messages = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "It was"}]

    assert asked(messages=messages).turns[-1] == Turn("assistant", (Text("It was"),))


def test_a_cache_of_the_whole_request_reaches_to_its_last_part():
    blocks = [{"type": "text", "text": "a"}, {"type": "image", "source": PICTURE}]

    turns = asked(messages=[{"role": "user", "content": blocks}], cache_control=CACHE).turns

    assert [part.cache for part in turns[-1].parts] == [False, True]


@pytest.mark.parametrize(
    ("choice", "said", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any", "disable_parallel_tool_use": False}, ToolChoice("any"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("any"), False),
        ({"type": "tool", "name": "look"}, ToolChoice("one", "look"), None),
        ({"type": "none"}, ToolChoice("none"), None),
    ],
)
def test_a_choice_of_tools(choice, said, parallel):
    ask = asked(tool_choice=choice)

    assert (ask.tool_choice, ask.parallel_tools) == (said, parallel)


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({}, None),
        ({"output_config": {}}, None),
        ({"thinking": {"type": "disabled"}}, Reasoning(is_off=True)),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Reasoning(tokens=2000)),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, Reasoning()),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, Reasoning("low")),
        ({"output_config": {"effort": "high"}}, Reasoning("high")),
    ],
)
def test_how_much_is_to_be_thought(fields, reasoning):
    assert asked(**fields).reasoning == reasoning


@pytest.mark.parametrize(
    "fields",
    [
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
    ],
)
def test_either_name_gives_the_answer_its_shape(fields):
    assert asked(**fields).shape == Shape(msgspec.Raw(b'{"type": "object"}'), strict=True)


def test_a_tool_may_say_that_it_is_strict_or_cached():
    tool = {
        "type": "custom", "name": "t", "input_schema": SCHEMA, "strict": True, "cache_control": CACHE,
        "allowed_callers": ["direct"], "defer_loading": False, "input_examples": [], "eager_input_streaming": True,
    }  # fmt: skip

    assert asked(tools=[tool]).tools == (
        Tool("t", schema=msgspec.Raw(b'{"type": "object"}'), strict=True, cache=True),
    )


def content(*blocks):
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def tool(**fields):
    return {"tools": [{"name": "t", "input_schema": SCHEMA, **fields}]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"new_field": 1}, "new_field"),
        ({"messages": [{"role": "system", "content": "Now."}]}, "messages[0].role"),
        (content({"type": "search_result", "source": "x"}), "messages[0].content[0].type"),
        (content({"type": "server_tool_use"}), "messages[0].content[0].type"),
        (content({"type": "text", "text": "x", "new": 1}), "messages[0].content[0].new"),
        (content({"type": "image", "source": {"type": "file", "file_id": "f"}}), "messages[0].content[0].source.type"),
        (content({"type": "document", "source": {"type": "file", "file_id": "f"}}), "messages[0].content[0].source.type"),
        (content({"type": "document", "source": PDF, "context": "x"}), "messages[0].content[0].context"),
        (content({"type": "document", "source": PDF, "citations": {"enabled": True}}), "messages[0].content[0].citations"),
        (tool(type="bash_20250124"), "tools[0].type"), (tool(defer_loading=True), "tools[0].defer_loading"),
        (tool(allowed_callers=["code_execution_20250825"]), "tools[0].allowed_callers"),
        (tool(input_examples=[{}]), "tools[0].input_examples"), (tool(display_width_px=5), "tools[0].display_width_px"),
        ({"thinking": {"type": "later"}}, "thinking.type"),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, "thinking.display"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}}, "thinking.display"),
        ({"output_config": {"effort": "max"}}, "output_config.effort"),
        ({"output_config": {"task_budget": {}}}, "output_config.task_budget"),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, "output_config.effort"),
        ({"metadata": {"user_id": "u", "team": "x"}}, "metadata.team"),
        ({"cache_control": CACHE, "messages": [{"role": "assistant", "content": [
            {"type": "redacted_thinking", "data": "x"}]}]}, "cache_control"),
        ({"inference_geo": "global"}, "inference_geo"),
    ],
)  # fmt: skip
def test_what_only_the_format_can_say_is_refused_by_name(fields, param):
    with pytest.raises(Inexpressible) as refused:
        asked(**fields)

    assert refused.value.param == param
    assert 0 < len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        (content({"type": "text"}), "messages[0].content[0].text"),
        (content({"type": "text", "text": "x", "cache_control": {}}), "messages[0].content[0].cache_control.type"),
        (content({"type": "image", "source": {"type": "url", "url": "ftp://x"}}), "messages[0].content[0].source.url"),
        (content({"type": "image", "source": {**PICTURE, "media_type": "image/tiff"}}),
         "messages[0].content[0].source.media_type"),
        (content({"type": "image", "source": 5}), "messages[0].content[0].source"),
        (content({"type": "tool_result", "tool_use_id": 5}), "messages[0].content[0].tool_use_id"),
        (tool(input_schema=None), "tools[0].input_schema"), (tool(input_schema=[]), "tools[0].input_schema"),
        (tool(name=None), "tools[0].name"), (tool(strict="yes"), "tools[0].strict"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, "thinking.budget_tokens"),
        ({"output_config": {"effort": "much"}}, "output_config.effort"),
        ({"output_format": {"type": "json_schema", "schema": 5}}, "output_format.schema"),
        ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
          "output_format": {"type": "json_schema", "schema": SCHEMA}}, "output_format"),
        ({"metadata": {"user_id": 5}}, "metadata.user_id"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_refused_by_name(fields, param):
    with pytest.raises(BadRequest) as refused:
        asked(**fields)

    assert refused.value.param == param
    assert refused.value.message.endswith(".")


@settings(max_examples=3000, deadline=None)
@given(st.sampled_from(PLACES), anything)
def test_whatever_comes_is_said_or_refused(path, value):
    given = json.dumps(spoiled(FULL, path, value)).encode()

    try:
        answer = str(read_ask(MessagesCall.parse(given).fields, max_tokens=5).max_tokens)
    except (BadRequest, Inexpressible) as refused:
        answer = str(refused)

    assert 0 < len(answer) < 400
