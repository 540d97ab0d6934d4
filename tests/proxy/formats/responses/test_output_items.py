from proxy.conversation import BlockBegan
from proxy.formats.responses.output_items import CallItem, MessageItem, RefusalItem, ThoughtItem

PLACE = {"item_id": "msg_a_2", "output_index": 2, "content_index": 0}


def made(kind, began, *texts, status="completed", signed=None):
    """What an item says of itself from beginning to end."""
    item = kind(began, index=2, answer="a")
    said = list(item.begin())
    for text in texts:
        said += item.grow(text)
    if signed is not None:
        item.sign(signed, is_redacted=not texts)
    return said + list(item.end(status))


def test_a_message_tells_of_its_text_as_it_grows():
    said = made(MessageItem, BlockBegan(0, "text"), "Hel", "lo")

    message = {"id": "msg_a_2", "type": "message", "role": "assistant"}
    part = {"type": "output_text", "annotations": [], "logprobs": []}
    assert said == [
        ("response.output_item.added", {"output_index": 2, "item": {**message, "status": "in_progress", "content": []}}),
        ("response.content_part.added", {**PLACE, "part": {**part, "text": ""}}),
        ("response.output_text.delta", {**PLACE, "delta": "Hel", "logprobs": []}),
        ("response.output_text.delta", {**PLACE, "delta": "lo", "logprobs": []}),
        ("response.output_text.done", {**PLACE, "text": "Hello", "logprobs": []}),
        ("response.content_part.done", {**PLACE, "part": {**part, "text": "Hello"}}),
        (
            "response.output_item.done",
            {"output_index": 2, "item": {**message, "status": "completed", "content": [{**part, "text": "Hello"}]}},
        ),
    ]  # fmt: skip


def test_a_refusal_is_a_message_with_words_of_its_own():
    said = made(RefusalItem, BlockBegan(0, "refusal"), "No.")

    message = {"id": "msg_a_2", "type": "message", "role": "assistant"}
    part = {"type": "refusal", "refusal": "No."}
    assert said == [
        ("response.output_item.added", {"output_index": 2, "item": {**message, "status": "in_progress", "content": []}}),
        ("response.content_part.added", {**PLACE, "part": {"type": "refusal", "refusal": ""}}),
        ("response.refusal.delta", {**PLACE, "delta": "No."}),
        ("response.refusal.done", {**PLACE, "refusal": "No."}),
        ("response.content_part.done", {**PLACE, "part": part}),
        ("response.output_item.done", {"output_index": 2, "item": {**message, "status": "completed", "content": [part]}}),
    ]  # fmt: skip


def test_a_thought_is_shown_as_a_summary_and_proven_at_its_end():
    said = made(ThoughtItem, BlockBegan(0, "thinking"), "Hm", "m.", signed="c2ln")

    place = {"item_id": "rs_a_2", "output_index": 2, "summary_index": 0}
    thought = {"id": "rs_a_2", "type": "reasoning"}
    summary = {"type": "summary_text", "text": "Hmm."}
    assert said == [
        ("response.output_item.added", {"output_index": 2, "item": {**thought, "status": "in_progress", "summary": []}}),
        ("response.reasoning_summary_part.added", {**place, "part": {"type": "summary_text", "text": ""}}),
        ("response.reasoning_summary_text.delta", {**place, "delta": "Hm"}),
        ("response.reasoning_summary_text.delta", {**place, "delta": "m."}),
        ("response.reasoning_summary_text.done", {**place, "text": "Hmm."}),
        ("response.reasoning_summary_part.done", {**place, "part": summary}),
        (
            "response.output_item.done",
            {
                "output_index": 2,
                "item": {**thought, "status": "completed", "summary": [summary], "encrypted_content": "c2ln"},
            },
        ),
    ]  # fmt: skip


def test_a_hidden_thought_has_no_summary_and_all_of_it_is_sealed():
    said = made(ThoughtItem, BlockBegan(0, "thinking"), signed="c2ln")

    thought = {"id": "rs_a_2", "type": "reasoning", "summary": []}
    assert said == [
        ("response.output_item.added", {"output_index": 2, "item": {**thought, "status": "in_progress"}}),
        (
            "response.output_item.done",
            {
                "output_index": 2,
                "item": {**thought, "status": "completed", "encrypted_content": "redacted:c2ln"},
            },
        ),
    ]


def test_a_call_tells_of_its_arguments_as_they_grow():
    said = made(
        CallItem, BlockBegan(0, "tool", tool_id="c1", tool_name="look"), '{"at":', ' "sky"}', signed="c2ln"
    )

    place = {"item_id": "fc_a_2", "output_index": 2}
    call = {"id": "fc_a_2", "type": "function_call", "call_id": "c1", "name": "look"}
    assert said == [
        ("response.output_item.added", {"output_index": 2, "item": {**call, "status": "in_progress", "arguments": ""}}),
        ("response.function_call_arguments.delta", {**place, "delta": '{"at":'}),
        ("response.function_call_arguments.delta", {**place, "delta": ' "sky"}'}),
        ("response.function_call_arguments.done", {**place, "arguments": '{"at": "sky"}'}),
        (
            "response.output_item.done",
            {
                "output_index": 2,
                "item": {**call, "status": "completed", "arguments": '{"at": "sky"}', "encrypted_content": "c2ln"},
            },
        ),
    ]  # fmt: skip


def test_a_call_without_arguments_has_an_empty_object_of_them():
    said = made(CallItem, BlockBegan(0, "tool", tool_id="c1", tool_name="look"))

    place = {"item_id": "fc_a_2", "output_index": 2}
    assert said[1:3] == [
        ("response.function_call_arguments.delta", {**place, "delta": "{}"}),
        ("response.function_call_arguments.done", {**place, "arguments": "{}"}),
    ]


def test_a_call_that_was_cut_before_its_arguments_has_none():
    said = made(CallItem, BlockBegan(0, "tool", tool_id="c1", tool_name="look"), status="incomplete")

    assert said[-1][1]["item"]["arguments"] == ""


def test_a_call_its_provider_gave_no_id_has_one_all_the_same():
    said = made(CallItem, BlockBegan(0, "tool", tool_name="look"))

    assert said[0][1]["item"]["call_id"] == "call_a_2"
