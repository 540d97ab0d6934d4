import json

import msgspec
import pytest

from proxy.conversation import Inexpressible, Media, Text, Thinking, ToolResult, ToolUse, Turn
from proxy.providers.gemini.contents import contents, system_instruction

OLD, NEW = "gemini-2.5-flash", "gemini-3-pro-preview"


def user(*parts):
    return Turn("user", parts)


def assistant(*parts):
    return Turn("assistant", parts)


def made(*turns, model=OLD):
    return json.loads(msgspec.json.encode(contents(turns, model=model)))


def test_a_system_prompt_keeps_its_parts():
    system = (Text("one"), Text(""), Text("two", cache=True))

    assert system_instruction(system) == {"parts": [{"text": "one"}, {"text": "two"}]}


def test_no_system_prompt_is_none():
    assert system_instruction(()) is None
    assert system_instruction((Text(""),)) is None


def test_turns_of_one_side_that_follow_each_other_are_one():
    turns = (user(Text("a")), user(Text("b"), Text("c")), assistant(Text("d")), assistant(Text("e")))

    assert made(*turns) == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]},
        {"role": "model", "parts": [{"text": "d"}, {"text": "e"}]},
    ]


def test_the_beginning_of_an_answer_is_the_last_turn():
    assert made(user(Text("a")), assistant(Text("I say")))[-1] == {
        "role": "model",
        "parts": [{"text": "I say"}],
    }


def test_empty_text_is_left_out_and_a_turn_of_nothing_else_with_it():
    turns = (user(Text("a"), Text("")), assistant(Text(""), Thinking()), user(Text("b")))

    assert made(*turns) == [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}]


@pytest.mark.parametrize("turns", [(), (user(),), (user(Text("")),)])
def test_a_conversation_without_a_word_cannot_be_sent(turns):
    with pytest.raises(Inexpressible, match="needs a message") as refused:
        contents(turns, model=OLD)

    assert refused.value.param == "messages"


def test_media_stand_where_they_stood():
    turn = user(Text("What is it?"), Media("image", data="aGk=", media_type="image/png"), Text("Say."))

    assert made(turn)[0]["parts"] == [
        {"text": "What is it?"},
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        {"text": "Say."},
    ]


def test_calls_and_their_results_carry_ids_and_the_results_the_name_of_the_tool():
    turns = (
        user(Text("a")),
        assistant(Text("Wait."), ToolUse("1", "add", '{"a":1}'), ToolUse("2", "time", "")),
        user(ToolResult("2", (Text("noon"),)), ToolResult("1", (Text("no numbers"),), is_error=True)),
    )

    assert made(*turns)[1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "Wait."},
                {"functionCall": {"id": "1", "name": "add", "args": {"a": 1}}},
                {"functionCall": {"id": "2", "name": "time", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "2", "name": "time", "response": {"output": "noon"}}},
                {"functionResponse": {"id": "1", "name": "add", "response": {"error": "no numbers"}}},
            ],
        },
    ]


def test_arguments_are_sent_as_they_were_written():
    call = assistant(ToolUse("1", "f", '{ "a": 1.0, "b": 12345678901234567890123, "c": "\\u00e9" }'))

    sent = msgspec.json.encode(contents((user(Text("a")), call), model=OLD))

    assert b'{ "a": 1.0, "b": 12345678901234567890123, "c": "\\u00e9" }' in sent


@pytest.mark.parametrize(
    "arguments", ["[1]", "null", '"a"', "{", '{"a": NaN}', "a b", '{"a": "\\ud800"}', "\ud800", "[" * 100_000]
)
def test_arguments_that_are_no_object_are_named(arguments):
    with pytest.raises(Inexpressible, match="arguments of the tool call c-1") as refused:
        contents((assistant(ToolUse("c-1", "f", arguments)),), model=OLD)

    assert refused.value.param == "messages"


def test_a_result_nothing_was_called_for_is_named():
    turns = (user(ToolResult("x", (Text("1"),))), assistant(ToolUse("x", "f", "{}")))

    with pytest.raises(Inexpressible, match="before this result of x"):
        contents(turns, model=OLD)


def test_an_id_that_is_used_again_is_that_of_the_last_call():
    turns = (
        assistant(ToolUse("1", "f", "{}")), user(ToolResult("1", ())),
        assistant(ToolUse("1", "g", "{}")), user(ToolResult("1", ())),
    )  # fmt: skip

    names = [part["functionResponse"]["name"] for turn in made(*turns)[1::2] for part in turn["parts"]]

    assert names == ["f", "g"]


@pytest.mark.parametrize(
    ("parts", "response"),
    [
        ((), {"output": ""}),
        ((Text("a"),), {"output": "a"}),
        ((Text('{"a": 1}'),), {"output": '{"a": 1}'}),
        ((Text("a"), Text("b")), {"output": ["a", "b"]}),
    ],
)
def test_what_a_tool_said_is_its_output(parts, response):
    turns = (assistant(ToolUse("1", "f", "{}")), user(ToolResult("1", parts)))

    assert made(*turns)[1]["parts"][0]["functionResponse"]["response"] == response


def test_what_a_tool_showed_goes_with_its_output():
    image = Media("image", data="aGk=", media_type="image/png")
    turns = (assistant(ToolUse("1", "f", "{}")), user(ToolResult("1", (Text("see"), image))))

    assert made(*turns)[1]["parts"][0]["functionResponse"] == {
        "id": "1",
        "name": "f",
        "response": {"output": "see"},
        "parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}],
    }


def test_thoughts_go_back_as_thoughts_and_signatures_with_what_they_came_with():
    turn = assistant(
        Thinking("Hm."), Thinking("So.", signature="c2ln"), Text("Yes."), Thinking(signature="bGFzdA==")
    )

    assert made(turn)[0]["parts"] == [
        {"text": "Hm.", "thought": True},
        {"text": "So.", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "Yes."},
        {"text": "", "thoughtSignature": "bGFzdA=="},
    ]


def test_a_thought_another_provider_hid_is_refused():
    with pytest.raises(Inexpressible, match="redacted"):
        contents((assistant(Thinking(redacted="x")),), model=OLD)


def test_of_calls_without_a_signature_the_first_says_so_to_a_model_that_wants_one():
    turns = (
        assistant(ToolUse("1", "f", "{}"), ToolUse("2", "f", "{}")),
        user(ToolResult("1", ()), ToolResult("2", ())),
        assistant(ToolUse("3", "f", "{}", signature="c2ln"), ToolUse("4", "f", "{}")),
    )

    calls = [part for turn in made(*turns, model=NEW)[::2] for part in turn["parts"]]
    of_old = [part for turn in made(*turns, model=OLD)[::2] for part in turn["parts"]]

    assert [call.get("thoughtSignature") for call in calls] == [
        "skip_thought_signature_validator", None, "c2ln", None,
    ]  # fmt: skip
    assert [call.get("thoughtSignature") for call in of_old] == [None, None, "c2ln", None]
