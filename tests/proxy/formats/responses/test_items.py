import pytest

from core.errors import BadRequest
from proxy.conversation import Inexpressible, Media, Text, Thinking, ToolResult, ToolUse, Turn
from proxy.formats.responses.fields import Fields
from proxy.formats.responses.items import Conversation

CALL = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"at": "sky"}'}


def read(*items):
    said = Conversation()
    said.read(Fields(item, f"input[{index}]") for index, item in enumerate(items))
    return said


def test_messages_are_turns_and_instructions_are_not():
    said = read(
        {"role": "system", "content": "Be brief."},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be kind."}]},
        {"role": "user", "content": "Hello"},
        {"role": "user", "content": "Anybody?"},
        {"role": "assistant", "content": "Yes"},
    )

    assert said.system == [Text("Be brief."), Text("Be kind.")]
    assert said.turns == (
        Turn("user", (Text("Hello"),)),
        Turn("user", (Text("Anybody?"),)),
        Turn("assistant", (Text("Yes"),)),
    )


def test_the_items_of_one_answer_are_one_turn_and_so_are_their_results():
    said = read(
        {"role": "user", "content": "What is there?"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2ln", "status": "completed"},
        {
            "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}],
        },
        {**CALL, "id": "fc_1", "status": "completed", "encrypted_content": "cHJvb2Y="},
        {"type": "function_call", "call_id": "c2", "name": "listen", "arguments": ""},
        {"type": "function_call_output", "call_id": "c2", "output": "birds"},
        {
            "type": "function_call_output", "call_id": "c1",
            "output": [{"type": "input_image", "image_url": "https://x.test/sky.png"}],
        },
        {"role": "user", "content": "And?"},
    )  # fmt: skip

    assert said.turns == (
        Turn("user", (Text("What is there?"),)),
        Turn(
            "assistant",
            (
                Thinking(signature="c2ln"),
                Text("I look."),
                ToolUse("c1", "look", '{"at": "sky"}', signature="cHJvb2Y="),
                ToolUse("c2", "listen", "{}"),
            ),
        ),
        Turn(
            "user",
            (
                ToolResult("c2", (Text("birds"),)),
                ToolResult("c1", (Media("image", url="https://x.test/sky.png"),)),
            ),
        ),
        Turn("user", (Text("And?"),)),
    )


def test_a_later_instruction_keeps_its_place():
    said = read({"role": "user", "content": "Hello"}, {"role": "developer", "content": "Be brief."})

    assert said.system == []
    assert said.turns == (Turn("user", (Text("Hello"),)), Turn("user", (Text("Be brief."),)))


def test_a_mark_to_cache_inside_a_result_is_one_of_the_whole():
    part = {"type": "input_text", "text": "birds", "cache_control": {"type": "ephemeral"}}

    said = read(CALL, {"type": "function_call_output", "call_id": "c1", "output": [part]})

    assert said.turns[1].parts == (ToolResult("c1", (Text("birds"),), cache=True),)


def test_a_thought_that_says_nothing_makes_no_turn():
    assert read({"type": "reasoning", "id": "rs_1", "summary": []}).turns == ()


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({}, ".role"), ({"role": "judge", "content": "x"}, ".role"), ({"role": "user"}, ".content"),
        ({"role": "user", "content": []}, ".content"),
        ({"type": 5}, ".type"), ({"id": "msg_1"}, ".role"), ({"type": "item_reference", "id": "msg_1"}, ".type"),
        ({"role": "user", "content": "x", "status": "odd"}, ".status"),
        ({**CALL, "call_id": None}, ".call_id"), ({**CALL, "name": ""}, ".name"),
        ({**CALL, "arguments": {"a": 1}}, ".arguments"), ({**CALL, "arguments": "[]"}, ".arguments"),
        ({**CALL, "arguments": '{"at": "sk'}, ".arguments"), ({**CALL, "arguments": "[" * 100_000}, ".arguments"),
        ({**CALL, "arguments": '{"a": 1, "a": 2}'}, ".arguments"),
        ({"type": "function_call_output", "call_id": "c9", "output": "x"}, ".call_id"),
        ({"type": "function_call_output", "call_id": "c1"}, ".output"),
    ],
)  # fmt: skip
def test_an_item_that_is_wrong_is_refused_by_name(item, param):
    with pytest.raises(BadRequest) as refused:
        read({"role": "user", "content": "x"}, CALL, item)

    assert refused.value.param == f"input[2]{param}"


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "web_search_call", "id": "ws_1"}, ".type"),
        ({"type": "custom_tool_call", "call_id": "c", "name": "n", "input": "x"}, ".type"),
        ({"type": "compaction", "encrypted_content": "x"}, ".type"),
        ({"role": "assistant", "content": "x", "phase": "commentary"}, ".phase"),
        ({**CALL, "namespace": "eyes"}, ".namespace"),
    ],
)
def test_an_item_that_has_no_place_elsewhere_is_refused_by_name(item, param):
    with pytest.raises(Inexpressible) as refused:
        read({"role": "user", "content": "x"}, item)

    assert refused.value.param == f"input[1]{param}"


def test_instructions_are_text_alone():
    picture = {"type": "input_image", "image_url": "https://x.test/a.png"}

    with pytest.raises(Inexpressible) as refused:
        read({"role": "system", "content": [picture]})

    assert refused.value.param == "input[0].content"
