import json
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.conversation import Inexpressible, Media, Text, Thinking, ToolResult, ToolUse, Turn
from proxy.providers.anthropic.messages import messages

EPHEMERAL = {"type": "ephemeral"}


def written(*turns):
    return json.loads(msgspec.json.encode(messages(turns)))


def user(*parts):
    return Turn("user", parts)


def assistant(*parts):
    return Turn("assistant", parts)


def text(said, **more):
    return {"type": "text", "text": said, **more}


def test_turns_of_one_side_in_a_row_are_one():
    told = written(user(Text("a")), user(Text("b")), assistant(Text("c")), assistant(Text("d")))

    assert told == [
        {"role": "user", "content": [text("a"), text("b")]},
        {"role": "assistant", "content": [text("c"), text("d")]},
    ]


def test_a_beginning_of_the_answer_is_sent_as_it_is():
    assert written(user(Text("a")), assistant(Text("The "))) == [
        {"role": "user", "content": [text("a")]},
        {"role": "assistant", "content": [text("The ")]},
    ]


def test_tool_calls_and_their_results_keep_ids_arguments_and_errors():
    told = written(
        user(Text("go")),
        assistant(Text(""), ToolUse("t1", "f", '{"a": 1.50}'), ToolUse("t2", "g", "", cache=True)),
        user(ToolResult("t1", (Text("7"), Media("image", data="AAAA", media_type="image/png")))),
        user(ToolResult("t2", (Text(""),), is_error=True, cache=True)),
        user(Text("on")),
    )

    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    assert told[1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1.5}},
                {"type": "tool_use", "id": "t2", "name": "g", "input": {}, "cache_control": EPHEMERAL},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [text("7"), image]},
                {"type": "tool_result", "tool_use_id": "t2", "is_error": True, "cache_control": EPHEMERAL},
                text("on"),
            ],
        },
    ]


def test_arguments_are_sent_as_the_model_wrote_them():
    made = messages([user(Text("go")), assistant(ToolUse("t1", "f", '{ "big":12345678901234567890.10 }'))])

    assert b'{ "big":12345678901234567890.10 }' in msgspec.json.encode(made)


def test_thoughts_go_back_with_their_proof():
    told = written(
        user(Text("a")),
        assistant(
            Thinking("hm", signature="s"), Thinking(redacted="x"), Thinking("", signature="t"), Text("b")
        ),
    )

    assert told[1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "thinking", "thinking": "", "signature": "t"},
        text("b"),
    ]


def test_thoughts_without_proof_and_proofs_of_others_are_left_out():
    told = written(
        user(Text("a")),
        assistant(Thinking("hm"), Thinking("hm", signature=""), ToolUse("t1", "f", "{}", signature="theirs")),
    )

    assert told[1]["content"] == [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]


def test_what_is_to_be_cached_is_marked():
    told = written(
        user(Text("a", cache=True), Media("file", url="https://example.com/a.pdf", cache=True)),
    )

    assert [block["cache_control"] for block in told[0]["content"]] == [EPHEMERAL, EPHEMERAL]


def test_an_assistant_that_said_nothing_has_no_turn():
    told = written(user(Text("a")), assistant(Text("")), user(Text("b")))

    assert told == [{"role": "user", "content": [text("a"), text("b")]}]


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        ([user(Text(""))], "without content"),
        ([user(Text("a")), assistant(Text("b")), user()], "without content"),
        ([assistant(Text(""))], "needs a message"),
        ([assistant(ToolUse("t1", "f", "[1]"))], "t1"),
        ([assistant(ToolUse("t1", "f", '{"a":'))], "t1"),
        ([assistant(ToolUse("t1", "f", '{"a": NaN}'))], "t1"),
        ([assistant(ToolUse("t1", "f", '{"a": "\\ud800"}'))], "t1"),
        ([assistant(ToolUse("t1", "f", '{"a": "\ud800"}'))], "t1"),
        ([assistant(ToolUse("t1", "f", '{"a":' + "[" * 100_000))], "t1"),
        ([user(ToolResult("t1", (Media("audio", data="AAAA"),)))], "audio"),
    ],
)
def test_what_has_no_place_in_a_message_is_refused(turns, why):
    with pytest.raises(Inexpressible, match=why) as refused:
        messages(turns)

    assert refused.value.param == "messages"


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
json_objects = st.dictionaries(words, st.integers(-9, 9) | words | st.lists(st.booleans()), max_size=3)
said = st.builds(Text, words)
calls = st.builds(ToolUse, words, words, json_objects.map(json.dumps))
results = st.builds(ToolResult, words, st.lists(said, max_size=2).map(tuple), st.booleans())
turns = st.builds(Turn, st.just("assistant"), st.lists(said | calls, max_size=3).map(tuple)) | st.builds(
    Turn, st.just("user"), st.lists(said | results, max_size=3).map(lambda parts: (Text("-"), *parts))
)


def content(part):
    """What of a part must arrive, whoever says it."""
    if isinstance(part, Text):
        return [part.text] if part.text else []
    if isinstance(part, ToolUse):
        return [(part.id, part.name, json.loads(part.arguments))]
    return [(part.tool_use_id, [text.text for text in part.parts if text.text], part.is_error)]


def arrived(block):
    if block["type"] == "text":
        return block["text"]
    if block["type"] == "tool_use":
        return block["id"], block["name"], block["input"]
    inner = [text["text"] for text in block.get("content", [])]
    return block["tool_use_id"], inner, block.get("is_error", False)


@given(st.lists(turns, min_size=1, max_size=6))
def test_every_text_id_and_argument_arrives_in_order_and_sides_alternate(asked):
    asked = [Turn("user", (Text("-"),)), *asked]

    told = written(*asked)

    for side in ("user", "assistant"):
        theirs = [turn for turn in asked if turn.role == side]
        blocks = [block for turn in told if turn["role"] == side for block in turn["content"]]
        assert [arrived(block) for block in blocks] == [
            one for turn in theirs for part in turn.parts for one in content(part)
        ]
    assert all(one["role"] != other["role"] for one, other in pairwise(told))
    assert all(turn["content"] for turn in told)
