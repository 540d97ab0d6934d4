import pytest

from core.errors import BadRequest
from proxy.conversation import Inexpressible, Media, Text, Thinking, ToolResult, ToolUse, Turn
from tests.proxy.formats.chat.test_request import ask_of

USER = {"role": "user", "content": "hi"}


def turns_of(*messages):
    return ask_of(messages=list(messages)).turns


def parts_of(**message):
    """What an assistant said, after a user's message."""
    return turns_of(USER, {"role": "assistant", **message})[1].parts


def call(name="f", arguments="{}", **more):
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def test_instructions_at_the_beginning_are_those_of_the_call():
    ask = ask_of(
        messages=[
            {"role": "system", "content": "one"},
            {"role": "developer", "content": [
                {"type": "text", "text": "two"},
                {"type": "text", "text": "three", "cache_control": {"type": "ephemeral", "ttl": "5m"}},
            ]},
            USER,
        ]
    )  # fmt: skip

    assert ask.system == (Text("one"), Text("two"), Text("three", cache=True))
    assert ask.turns == (Turn("user", (Text("hi"),)),)


def test_instructions_in_the_middle_keep_their_place():
    ask = ask_of(
        messages=[{"role": "system", "content": "first"}, USER, {"role": "system", "content": "later"}]
    )

    assert ask.system == (Text("first"),)
    assert ask.turns == (Turn("user", (Text("hi"),)), Turn("user", (Text("later"),)))


def test_a_call_of_tools_and_its_result_are_turns_of_both_sides():
    turns = turns_of(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call(arguments='{"a": 1}')]},
        {"role": "tool", "tool_call_id": "c1", "name": "f", "content": "done"},
    )

    assert turns[1] == Turn("assistant", (ToolUse("c1", "f", '{"a": 1}'),))
    assert turns[2] == Turn("user", (ToolResult("c1", (Text("done"),)),))


def test_a_result_may_have_parts_and_a_mark_in_it_is_one_of_the_whole():
    parts = [
        {"type": "text", "text": "see", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
    ]

    turns = turns_of(USER, {"role": "tool", "tool_call_id": "c1", "content": parts})

    image = Media("image", data="QUJD", media_type="image/png")
    assert turns[1].parts == (ToolResult("c1", (Text("see"), image), cache=True),)


def test_an_assistant_thinks_speaks_and_calls_in_this_order():
    parts = parts_of(
        tool_calls=[call(extra_content={"google": {"thought_signature": "s"}}, index=0)],
        content="so",
        refusal="but no",
        reasoning_content="hm",
        annotations=[],
        function_call=None,
    )

    assert parts == (Thinking("hm"), Text("so"), Text("but no"), ToolUse("c1", "f", "{}", signature="s"))


def test_no_arguments_are_an_empty_object():
    assert parts_of(tool_calls=[call(arguments="")]) == (ToolUse("c1", "f", "{}"),)


def test_thoughts_come_back_with_their_signatures():
    parts = parts_of(
        content="so",
        reasoning_content="one two",
        reasoning_details=[
            {
                "type": "reasoning.text",
                "text": "one ",
                "signature": "s1",
                "index": 0,
                "format": "x",
                "id": None,
            },
            {"type": "reasoning.encrypted", "data": "secret", "index": 1},
            {"type": "reasoning.summary", "summary": "two", "index": 2},
        ],
    )

    assert parts == (
        Thinking("one ", signature="s1"),
        Thinking(redacted="secret"),
        Thinking("two"),
        Text("so"),
    )


def test_pieces_of_a_streamed_thought_are_joined():
    parts = parts_of(
        reasoning_details=[
            {"type": "reasoning.text", "text": "a", "index": 0},
            {"type": "reasoning.text", "text": "b", "index": 0},
            {"type": "reasoning.text", "text": "", "signature": "s", "index": 0},
            {"type": "reasoning.text", "text": "c", "index": 1},
            {"type": "reasoning.text", "text": "d"},
            {"type": "reasoning.text", "text": "e"},
        ]
    )

    assert parts == (Thinking("ab", signature="s"), Thinking("c"), Thinking("d"), Thinking("e"))


def test_a_thought_of_nothing_is_none():
    assert parts_of(content="so", reasoning_content="", reasoning_details=[{"type": "reasoning.text"}]) == (
        Text("so"),
    )


def test_a_plain_thought_stays_beside_a_hidden_one():
    parts = parts_of(reasoning="hm", reasoning_details=[{"type": "reasoning.encrypted", "data": "x"}])

    assert parts == (Thinking("hm"), Thinking(redacted="x"))


def test_an_empty_content_is_a_turn_with_nothing_in_it():
    assert turns_of({"role": "user", "content": ""}, {"role": "assistant"}) == (
        Turn("user", ()),
        Turn("assistant", ()),
    )


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "user", "content": "a", "name": "bob"}, "messages[1].name"),
        ({"role": "function", "name": "f", "content": "a"}, "messages[1].role"),
        ({"role": "assistant", "audio": {"id": "a"}}, "messages[1].audio"),
        ({"role": "assistant", "function_call": {"name": "f"}}, "messages[1].function_call"),
        ({"role": "assistant", "tool_calls": [{"type": "custom", "id": "c"}]}, "messages[1].tool_calls[0].type"),
        ({"role": "assistant", "content": [{"type": "image_url", "image_url": "https://a/b"}]}, "messages[1].content[0]"),
        ({"role": "system", "content": [{"type": "image_url", "image_url": "https://a/b"}]}, "messages[1].content[0]"),
    ],
)  # fmt: skip
def test_what_has_no_place_in_a_message_is_refused_by_name(message, param):
    with pytest.raises(Inexpressible) as refused:
        turns_of(USER, message)

    assert refused.value.param == param


def test_instructions_alone_are_refused():
    with pytest.raises(Inexpressible) as refused:
        turns_of({"role": "system", "content": "a"})

    assert refused.value.param == "messages"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "robot", "content": "a"}, "messages[1].role"),
        ({"role": "tool", "content": "a"}, "messages[1].tool_call_id"),
        ({"role": "assistant", "refusal": 5}, "messages[1].refusal"),
        ({"role": "assistant", "reasoning_content": 5}, "messages[1].reasoning_content"),
        ({"role": "assistant", "reasoning_details": "x"}, "messages[1].reasoning_details"),
        ({"role": "assistant", "reasoning_details": [{"type": "x"}]}, "messages[1].reasoning_details[0].type"),
        ({"role": "assistant", "tool_calls": {}}, "messages[1].tool_calls"),
        ({"role": "assistant", "tool_calls": [5]}, "messages[1].tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "messages[1].tool_calls[0].function"),
        ({"role": "assistant", "tool_calls": [call(arguments="[1]")]}, "messages[1].tool_calls[0].function.arguments"),
        ({"role": "assistant", "tool_calls": [call(arguments='{"a":')]}, "messages[1].tool_calls[0].function.arguments"),
        ({"role": "assistant", "tool_calls": [call(arguments='{"a": NaN}')]}, "messages[1].tool_calls[0].function.arguments"),
        ({"role": "assistant", "tool_calls": [call(arguments={})]}, "messages[1].tool_calls[0].function.arguments"),
    ],
)  # fmt: skip
def test_what_is_malformed_in_a_message_is_named(message, param):
    with pytest.raises(BadRequest) as refused:
        turns_of(USER, message)

    assert refused.value.param == param
