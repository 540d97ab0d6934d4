import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.charging.calls import Ending
from core.errors import OutOfCredits, UpstreamFailed
from core.money import Nanos
from core.rules.prices import Cost, Usage
from proxy.conversation import (
    Began,
    BlockBegan,
    BlockEnded,
    Delta,
    Signed,
    Stopped,
    Text,
    Thinking,
    Told,
    ToolUse,
)
from proxy.formats.format import Bill
from proxy.formats.responses.call import ResponsesCall
from proxy.formats.responses.fields import Fields
from proxy.formats.responses.items import Conversation
from proxy.formats.responses.writer import ResponsesWriter

SPENT = Usage(input_tokens=12, output_tokens=7, cached_tokens=4, cache_write_tokens=2, reasoning_tokens=3)
BILL = Bill(
    Ending("acme", SPENT, Cost(Nanos(1_000), Nanos(1_100)), status=200, reason="done"), charge_n=1_100
)
USAGE = {
    "input_tokens": 12,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 19,
    "cost": Decimal("0.0000011"),
    "cost_details": {"upstream_inference_cost": Decimal("0.000001"), "fee": Decimal("0.0000001")},
}
RESPONSE = {
    "id": "resp_0190aa", "object": "response", "created_at": 1_700_000_000, "model": "acme/tiny", "status": "in_progress",
    "error": None, "incomplete_details": None, "output": [], "usage": None, "background": False, "store": False,
    "max_tool_calls": None, "previous_response_id": None, "service_tier": "default", "top_logprobs": 0,
    "truncation": "disabled", "instructions": None, "max_output_tokens": None, "metadata": {},
    "parallel_tool_calls": True, "reasoning": {"effort": None, "summary": None}, "safety_identifier": None,
    "temperature": None, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": None,
    "user": None,
}  # fmt: skip
MESSAGE = {"id": "msg_0190aa_0", "type": "message", "role": "assistant"}
PART = {"type": "output_text", "annotations": [], "logprobs": []}
PLACE = {"item_id": "msg_0190aa_0", "output_index": 0, "content_index": 0}
HELLO = [Began("up-1"), BlockBegan(0, "text"), Delta(0, "Hello"), BlockEnded(0)]


def writer(asked=None):
    return ResponsesWriter(answer_id="01-90-aa", model="acme/tiny", created=1_700_000_000, asked=asked or {})


def read(stream):
    """The events of a stream, each named as its data names it."""
    said = []
    for event in stream.decode().removesuffix("\n\n").split("\n\n"):
        name, data = event.split("\n")
        told = json.loads(data.removeprefix("data: "), parse_float=Decimal)
        assert name == f"event: {told['type']}"
        said.append(told)
    return said


def streamed(events, *, asked=None):
    writing = writer(asked)
    return read(b"".join([writing.event(event) for event in events]) + writing.end(BILL))


def whole(events, *, asked=None):
    return json.loads(writer(asked).whole(events, BILL), parse_float=Decimal)


def test_a_stream_leads_to_the_response_event_by_event():
    said = streamed([*HELLO, Told(SPENT), Stopped("end", "stop")])

    done = {**MESSAGE, "status": "completed", "content": [{**PART, "text": "Hello"}]}
    completed = {**RESPONSE, "status": "completed", "output": [done], "usage": USAGE}
    assert said == [
        {"type": "response.created", "sequence_number": 0, "response": RESPONSE},
        {"type": "response.in_progress", "sequence_number": 1, "response": RESPONSE},
        {
            "type": "response.output_item.added", "sequence_number": 2, "output_index": 0,
            "item": {**MESSAGE, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", "sequence_number": 3, **PLACE, "part": {**PART, "text": ""}},
        {"type": "response.output_text.delta", "sequence_number": 4, **PLACE, "delta": "Hello", "logprobs": []},
        {"type": "response.output_text.done", "sequence_number": 5, **PLACE, "text": "Hello", "logprobs": []},
        {"type": "response.content_part.done", "sequence_number": 6, **PLACE, "part": {**PART, "text": "Hello"}},
        {"type": "response.output_item.done", "sequence_number": 7, "output_index": 0, "item": done},
        {"type": "response.completed", "sequence_number": 8, "response": completed},
    ]  # fmt: skip


def test_a_plain_answer_is_the_response_a_stream_ends_with():
    events = [*HELLO, Stopped("end", "stop")]

    assert whole(events) == streamed(events)[-1]["response"]


@pytest.mark.parametrize(
    ("reason", "cut_by"), [("length", "max_output_tokens"), ("filter", "content_filter")]
)
def test_an_answer_that_was_cut_says_by_what(reason, cut_by):
    last = streamed([*HELLO, Stopped(reason, reason)])[-1]

    assert last["type"] == "response.incomplete"
    assert (last["response"]["status"], last["response"]["incomplete_details"]) == (
        "incomplete",
        {"reason": cut_by},
    )
    assert last["response"]["output"][0]["status"] == "incomplete"
    assert last["response"]["usage"] == USAGE


@pytest.mark.parametrize("reason", ["end", "stop_sequence", "tool_use"])
def test_any_other_end_is_a_whole_answer(reason):
    assert streamed([*HELLO, Stopped(reason, reason)])[-1]["type"] == "response.completed"


def test_a_stream_that_broke_says_why_and_what_was_there():
    writing = writer()
    begun = b"".join([writing.event(event) for event in HELLO[:-1]])
    refused = UpstreamFailed(
        "The provider acme failed while answering.", metadata={"reason": "the answer stalled"}
    )

    error, failed = read(begun + writing.failed(refused, BILL, provider="acme"))[-2:]

    said = {"code": "server_error", "message": "The provider acme failed while answering.", "param": None}
    item = {**MESSAGE, "status": "incomplete", "content": [{**PART, "text": "Hello"}]}
    assert error == {"type": "error", "sequence_number": 5, **said}
    assert failed == {
        "type": "response.failed", "sequence_number": 6,
        "response": {
            **RESPONSE, "status": "failed", "output": [item], "usage": USAGE,
            "error": {**said, "type": "upstream_error", "metadata": {"provider_name": "acme", "raw": "the answer stalled"}},
        },
    }  # fmt: skip


def test_a_stream_that_broke_before_its_first_word_begins_all_the_same():
    said = read(writer().failed(OutOfCredits("No credits are left."), BILL, provider="acme"))

    assert [event["type"] for event in said] == [
        "response.created",
        "response.in_progress",
        "error",
        "response.failed",
    ]
    assert [event["sequence_number"] for event in said] == [0, 1, 2, 3]
    assert said[2]["code"] == said[3]["response"]["error"]["code"] == "insufficient_credits"


def test_an_answer_without_a_word_has_no_output():
    assert whole([Began(), Stopped("end", "stop")])["output"] == []
    assert streamed([])[-1]["type"] == "response.completed"


def test_a_response_repeats_what_was_asked_as_it_was_asked():
    body = b"""{
      "model": "acme/tiny", "input": "Hello", "instructions": "Be\\nkind.", "temperature": 0.50, "top_p": null,
      "metadata": {"case": "7"}, "max_output_tokens": 30, "store": false, "tool_choice": {"type": "function",
      "name": "look"}, "tools": [{"type": "function",
      "name": "look"}], "parallel_tool_calls": false, "text": {"verbosity": "medium"}, "user": "u-1", "stream": true
    }"""
    asked = ResponsesCall.parse(body).fields

    first, last = (streamed(HELLO, asked=asked)[place]["response"] for place in (0, -1))

    repeated = {
        "instructions": "Be\nkind.", "temperature": Decimal("0.50"), "metadata": {"case": "7"}, "max_output_tokens": 30,
        "tool_choice": {"type": "function", "name": "look"}, "tools": [{"type": "function", "name": "look"}],
        "parallel_tool_calls": False, "text": {"verbosity": "medium"}, "user": "u-1",
    }  # fmt: skip
    assert first == {**RESPONSE, **repeated}
    assert last == {**first, "status": "completed", "output": last["output"], "usage": USAGE}


def test_what_was_answered_can_be_sent_back_as_it_came():
    events = [
        BlockBegan(0, "thinking"), Delta(0, "Hm."), Signed(0, "c2ln"), BlockEnded(0),
        BlockBegan(1, "thinking"), Signed(1, "aGlk", is_redacted=True), BlockEnded(1),
        BlockBegan(2, "text"), Delta(2, "I look."), BlockEnded(2),
        BlockBegan(3, "tool", tool_id="c1", tool_name="look"), Delta(3, '{"at": 1}'), Signed(3, "cHI="), BlockEnded(3),
        Stopped("tool_use", "tool_calls"),
    ]  # fmt: skip

    said = Conversation()
    said.read([Fields(item) for item in whole(events)["output"]])

    assert said.turns[0].parts == (
        Thinking("Hm.", signature="c2ln"),
        Thinking(redacted="aGlk"),
        Text("I look."),
        ToolUse("c1", "look", '{"at": 1}', signature="cHI="),
    )


blocks = st.lists(
    st.tuples(
        st.sampled_from(["text", "thinking", "refusal", "tool"]), st.lists(st.text(max_size=4), max_size=3), st.booleans()
    ),
    max_size=5,
)  # fmt: skip
stops = st.sampled_from(["end", "length", "tool_use", "filter"])


@given(blocks, stops)
def test_a_stream_tells_in_pieces_what_its_last_event_tells_whole(made, reason):
    events = [Began()]
    for number, (kind, texts, ends) in enumerate(made):
        events += [BlockBegan(number, kind, tool_id=f"c{number}", tool_name="look")]
        events += [Delta(number, text) for text in texts]
        events += [BlockEnded(number)] * ends
    events.append(Stopped(reason, reason))

    said = streamed(events)

    assert [event["sequence_number"] for event in said] == list(range(len(said)))
    response = said[-1]["response"]
    pieces = dict.fromkeys(range(len(made)), "")
    for event in said:
        if event["type"].endswith(".delta"):
            pieces[event["output_index"]] += event["delta"]
    assert [pieces[place] for place in range(len(made))] == [words(item) for item in response["output"]]
    done = {
        event["output_index"]: event["item"] for event in said if event["type"] == "response.output_item.done"
    }
    assert [done[place] for place in range(len(made))] == response["output"]
    assert whole(events) == response


def words(item):
    """All an item says, in whatever part of it."""
    if item["type"] == "function_call":
        return item["arguments"]
    parts = item["summary"] if item["type"] == "reasoning" else item["content"]
    return "".join(part.get("text", "") + part.get("refusal", "") for part in parts)
