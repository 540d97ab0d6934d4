from core.rules.prices import Usage
from proxy.conversation import Began, BlockBegan, BlockEnded, Delta, Signed, Stopped, Told
from proxy.formats.chat.deltas import Deltas, message


def deltas_of(*events):
    deltas = Deltas()
    return [deltas.of(event) for event in events]


THOUGHT = (BlockBegan(0, "thinking"), Delta(0, "h"), Delta(0, "m"), Signed(0, "sig"), BlockEnded(0))
HIDDEN = (BlockBegan(1, "thinking"), Signed(1, "secret", is_redacted=True), BlockEnded(1))
TEXT = (BlockBegan(2, "text"), Delta(2, "a"), Delta(2, "b"), BlockEnded(2))
TOOLS = (
    BlockBegan(3, "tool", tool_id="c1", tool_name="f"), BlockBegan(4, "tool", tool_id="c2", tool_name="g"),
    Delta(4, '{"x":'), Delta(4, "1}"), Signed(4, "ts"), BlockEnded(3), BlockEnded(4),
)  # fmt: skip


def test_thoughts_are_told_as_text_and_in_a_form_to_send_back():
    assert deltas_of(*THOUGHT, *HIDDEN) == [
        {},
        {
            "reasoning_content": "h",
            "reasoning_details": [{"type": "reasoning.text", "text": "h", "index": 0}],
        },
        {
            "reasoning_content": "m",
            "reasoning_details": [{"type": "reasoning.text", "text": "m", "index": 0}],
        },
        {"reasoning_details": [{"type": "reasoning.text", "text": "", "signature": "sig", "index": 0}]},
        {},
        {},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "secret", "index": 1}]},
        {},
    ]


def test_calls_are_counted_among_themselves_and_always_have_arguments():
    assert deltas_of(*TEXT, *TOOLS)[4:] == [
        {},
        {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {},
        {"tool_calls": [{"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": '{"x":1}'}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": ""}, "extra_content": {"google": {"thought_signature": "ts"}}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
        {},
    ]  # fmt: skip


def test_a_call_that_came_in_one_piece_is_told_in_one_delta_with_its_signature():
    events = (
        BlockBegan(0, "tool", tool_id="c1", tool_name="f"),
        Delta(0, "{}"),
        Signed(0, "ts"),
        BlockEnded(0),
    )

    assert deltas_of(*events) == [
        {},
        {},
        {
            "tool_calls": [
                {
                    "index": 0,
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "f", "arguments": "{}"},
                    "extra_content": {"google": {"thought_signature": "ts"}},
                }
            ]
        },
        {},
    ]


def test_a_call_waits_no_longer_than_to_the_next_event():
    began, named = BlockBegan(0, "tool", tool_id="c1", tool_name="f"), {"name": "f", "arguments": ""}
    call = {"index": 0, "id": "c1", "type": "function"}

    assert deltas_of(began, BlockEnded(0))[1] == {
        "tool_calls": [{**call, "function": {"name": "f", "arguments": "{}"}}]
    }
    assert deltas_of(began, BlockBegan(1, "text"), Delta(1, "a"))[1:] == [
        {"tool_calls": [{**call, "function": named}]},
        {"content": "a"},
    ]
    assert deltas_of(BlockBegan(1, "text"), began, Delta(1, "a"))[2] == {
        "content": "a",
        "tool_calls": [{**call, "function": named}],
    }
    assert deltas_of(began, Stopped("length", "length"))[1] == {"tool_calls": [{**call, "function": named}]}


def test_the_role_comes_first_and_what_ends_an_answer_adds_nothing():
    assert deltas_of(Began("x"), Stopped("end", "stop"), Told(Usage())) == [
        {"role": "assistant", "content": ""}, {}, {},
    ]  # fmt: skip


def test_a_message_is_what_its_deltas_come_to():
    assert message(deltas_of(Began(), *THOUGHT, *HIDDEN, *TEXT, *TOOLS)) == {
        "role": "assistant",
        "content": "ab",
        "refusal": None,
        "reasoning_content": "hm",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "signature": "sig", "index": 0},
            {"type": "reasoning.encrypted", "data": "secret", "index": 1},
        ],
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {
                "id": "c2",
                "type": "function",
                "function": {"name": "g", "arguments": '{"x":1}'},
                "extra_content": {"google": {"thought_signature": "ts"}},
            },
        ],
    }


def test_a_message_of_calls_or_of_a_refusal_alone_has_no_content():
    refused = message(deltas_of(Began(), BlockBegan(0, "refusal"), Delta(0, "no"), BlockEnded(0)))

    assert message(deltas_of(Began(), *TOOLS))["content"] is None
    assert (refused["content"], refused["refusal"]) == (None, "no")


def test_a_message_without_anything_is_empty_text():
    assert message(deltas_of(Began())) == {"role": "assistant", "content": "", "refusal": None}
