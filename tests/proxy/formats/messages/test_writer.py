import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given

from core.charging.calls import Ending
from core.errors import OutOfCredits, UpstreamFailed
from core.rules.prices import Cost, Usage
from proxy.conversation import Began, BlockBegan, BlockEnded, Delta, Signed, Stopped, Told
from proxy.formats.format import Bill
from proxy.formats.messages.writer import MessagesWriter, usage_fields
from tests.proxy.formats.messages.answers import BILL, CONTENT, FULL, USAGE, interleaved, read


def writer():
    return MessagesWriter(answer_id="msg_1", model="acme/tiny")


def streamed(*events, bill=BILL):
    made = writer()
    return read(b"".join(map(made.event, events)) + made.end(bill))


def whole(*events, bill=BILL):
    return json.loads(writer().whole(events, bill))


def test_a_stream_is_a_message_its_blocks_and_its_end():
    call = BlockBegan(1, "tool", tool_id="t", tool_name="n")

    names = [name for name, _ in streamed(Began(), BlockBegan(0, "text"), Delta(0, "a"), call, BlockEnded(1))]

    assert names == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_every_event_is_named_as_its_data_says():
    assert all(name == data["type"] for name, data in streamed(*FULL))


def test_a_stream_begins_with_an_empty_message():
    [(_, start)] = read(writer().event(Began("theirs")))

    assert start["message"] == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "acme/tiny",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 0,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 0,
        },
    }


def test_a_stream_ends_with_why_and_what_it_cost():
    made = writer()
    made.event(Stopped("stop_sequence", "stop", "END"))

    (_, last), (_, stop) = read(made.end(BILL))

    assert last["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    assert last["usage"]["output_tokens"] == 20
    assert stop == {"type": "message_stop"}


def test_usage_leaves_the_cached_out_of_the_input_and_has_the_exact_cost():
    usage = json.loads(msgspec.json.encode(usage_fields(BILL)), parse_float=Decimal)

    assert usage == {
        "input_tokens": 45,
        "cache_creation_input_tokens": 25,
        "cache_read_input_tokens": 30,
        "output_tokens": 20,
        "output_tokens_details": {"thinking_tokens": 5},
        "cost": Decimal("1.100000002"),
        "cost_details": {"upstream_inference_cost": Decimal("1.000000001"), "fee": Decimal("0.100000001")},
    }


def test_usage_is_never_negative():
    odd = Ending(
        provider="p", usage=Usage(input_tokens=5, cached_tokens=9), cost=Cost(), status=200, reason="done"
    )

    assert usage_fields(Bill(odd, 0))["input_tokens"] == 0


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("end", "end_turn"),
        ("length", "max_tokens"),
        ("stop_sequence", "stop_sequence"),
        ("tool_use", "tool_use"),
        ("filter", "refusal"),
    ],
)
def test_why_it_stopped_is_told_in_the_words_of_the_format(reason, word):
    assert whole(Began(), Stopped(reason, "theirs"))["stop_reason"] == word
    assert dict(streamed(Began(), Stopped(reason, "theirs")))["message_delta"]["delta"]["stop_reason"] == word


def test_a_refusal_in_words_is_a_refusal():
    message = whole(Began(), BlockBegan(0, "refusal"), Delta(0, "No."), Stopped("end", "stop"))

    assert message["stop_reason"] == "refusal"
    assert message["content"] == [{"type": "text", "text": "No."}]


def test_an_answer_that_never_said_why_it_ended_says_nothing_of_it():
    assert whole(Began())["stop_reason"] is None


def test_blocks_that_nobody_ended_end_with_the_stream():
    names = [name for name, _ in streamed(Began(), BlockBegan(0, "text"), Delta(0, "x"))]

    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_a_whole_answer_is_a_message():
    message = whole(*FULL)

    assert message["content"] == CONTENT
    assert (message["id"], message["type"], message["role"]) == ("msg_1", "message", "assistant")
    assert (message["model"], message["stop_reason"]) == ("acme/tiny", "tool_use")
    assert message["usage"]["cache_read_input_tokens"] == 30


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ("", {}),
        ("  ", {}),
        ('{"a": [1.5]}', {"a": [1.5]}),
        ('{"a": ', {"INVALID_JSON": '{"a": '}),
        ("[1]", {"INVALID_JSON": "[1]"}),
        ("[" * 5000, {"INVALID_JSON": "[" * 5000}),
        ('{"a":' * 5000, {"INVALID_JSON": '{"a":' * 5000}),
    ],
    ids=range(7),
)
def test_the_input_of_a_tool_is_an_object_whatever_the_model_wrote(arguments, given):
    message = whole(
        Began(), BlockBegan(0, "tool", tool_id="t", tool_name="n"), Delta(0, arguments), BlockEnded(0)
    )

    assert message["content"][0]["input"] == given


def test_a_signature_of_a_call_is_given_to_be_given_back():
    call = BlockBegan(0, "tool", tool_id="t", tool_name="n")

    early = whole(Began(), call, Signed(0, "sig"), Delta(0, "{}"))
    late = whole(Began(), call, Delta(0, "{}"), Signed(0, "sig"))

    assert early["content"][0]["signature"] == late["content"][0]["signature"] == "sig"


@given(interleaved())
def test_a_whole_answer_is_what_the_stream_comes_to(events):
    pieces = []
    for name, data in streamed(Began(), *events, Stopped("end", "stop")):
        if name == "content_block_start":
            pieces.append("")
        if name == "content_block_delta":
            pieces[-1] += (
                data["delta"].get("text")
                or data["delta"].get("thinking")
                or data["delta"].get("partial_json", "")
            )

    blocks = whole(Began(), *events, Stopped("end", "stop"))["content"]

    said = [block.get("text", block.get("thinking")) for block in blocks]
    given = [block.get("input") for block in blocks]
    assert said == [None if made is not None else piece for piece, made in zip(pieces, given, strict=True)]
    assert [made for made in given if made is not None] == [
        json.loads(piece) for piece, made in zip(pieces, given, strict=True) if made is not None
    ]


def test_what_is_of_no_block_is_told_at_the_end():
    made = writer()

    assert made.event(Told(USAGE)) == made.event(Stopped("end", "stop")) == b""


def test_a_stream_that_broke_ends_with_an_error():
    broke = UpstreamFailed("It broke.", metadata={"provider_name": "acme", "reason": "the answer stalled"})
    made = writer()
    made.event(Began())

    [(name, data)] = read(made.failed(broke, BILL, provider="acme"))

    assert name == data["type"] == "error"
    assert data["error"] == {
        "type": "api_error",
        "message": "It broke.",
        "code": 502,
        "metadata": {"provider_name": "acme", "raw": "the answer stalled"},
    }
    assert data["request_id"] == "msg_1"
    assert data["usage"]["output_tokens"] == 20


def test_a_stream_that_was_cut_for_money_says_so():
    [(_, data)] = read(writer().failed(OutOfCredits("No credits are left."), BILL, provider="acme"))

    assert data["error"]["type"] == "billing_error"
    assert data["error"]["metadata"] == {"provider_name": "acme", "raw": None}
