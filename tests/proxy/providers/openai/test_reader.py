import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.prices import Usage
from proxy.conversation import Began, BlockBegan, BlockEnded, Delta, Signed, Stopped, Told
from proxy.providers.openai import OpenAI
from proxy.sse import DONE, MalformedStream
from tests.proxy.test_chat_call import anything


def chunk(finish_reason=None, **delta):
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return json.dumps({"id": "x", "choices": [choice]}).encode()


def events(*chunks):
    """What chunks tell, without the beginning."""
    reader = OpenAI().reader()
    told = [event for data in chunks for event in reader.event(data)]
    assert told.pop(0) == Began("x")
    return told


def call(index=0, call_id=None, name=None, arguments=None, **more):
    return {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}, **more}


def test_a_stream_of_text():
    reader = OpenAI().reader()
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    stream = [
        chunk(role="assistant", content=""),
        chunk(content="Hel"),
        chunk(content="lo"),
        chunk("stop"),
        json.dumps({"id": "x", "choices": [], "usage": usage}).encode(),
    ]

    told = [event for data in stream for event in reader.event(data)]

    assert told == [
        Began("x"), BlockBegan(0, "text"), Delta(0, "Hel"), Delta(0, "lo"), BlockEnded(0), Stopped("end", "stop"),
        Told(Usage(input_tokens=9, output_tokens=2)),
    ]  # fmt: skip
    assert not reader.is_done
    assert reader.event(DONE) == []
    assert reader.is_done


def test_a_thought_a_text_and_a_refusal_are_blocks_of_their_own():
    told = events(
        chunk(reasoning_content="h", reasoning="h"), chunk(reasoning="m"), chunk(content="so"), chunk(refusal="no"),
        chunk("content_filter"),
    )  # fmt: skip

    assert told == [
        BlockBegan(0, "thinking"), Delta(0, "h"), Delta(0, "m"), BlockEnded(0),
        BlockBegan(1, "text"), Delta(1, "so"), BlockEnded(1),
        BlockBegan(2, "refusal"), Delta(2, "no"), BlockEnded(2),
        Stopped("filter", "content_filter"),
    ]  # fmt: skip


def test_thoughts_with_signatures_are_told_apart():
    def detail(index, text="", **more):
        return {"type": "reasoning.text", "text": text, "index": index, **more}

    told = events(
        chunk(reasoning="a", reasoning_details=[detail(0, "a")]),
        chunk(reasoning_details=[detail(0, signature="s")]),
        chunk(reasoning_details=[detail(1, "b")]),
        chunk(
            reasoning_details=[detail(2, "c", signature="t"), {"type": "reasoning.encrypted", "data": "x"}]
        ),
        chunk(reasoning_details=[{"type": "reasoning.summary", "summary": "d"}]),
    )

    assert told == [
        BlockBegan(0, "thinking"), Delta(0, "a"), Signed(0, "s"), BlockEnded(0),
        BlockBegan(1, "thinking"), Delta(1, "b"), BlockEnded(1),
        BlockBegan(2, "thinking"), Delta(2, "c"), Signed(2, "t"), BlockEnded(2),
        BlockBegan(3, "thinking"), Signed(3, "x", is_redacted=True), BlockEnded(3),
        BlockBegan(4, "thinking"), Delta(4, "d"),
    ]  # fmt: skip


def test_a_content_may_be_a_list_of_parts():
    told = events(
        chunk(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]),
        chunk(content=[{"type": "text", "text": "so"}, {"type": "image_url", "image_url": {}}, "odd"]),
    )

    assert told == [
        BlockBegan(0, "thinking"), Delta(0, "hm"), BlockEnded(0), BlockBegan(1, "text"), Delta(1, "so"),
    ]  # fmt: skip


def test_calls_of_tools_may_alternate_and_end_with_the_answer():
    told = events(
        chunk(content="so"),
        chunk(tool_calls=[call(0, "c1", "f", "")]),
        chunk(tool_calls=[call(1, "c2", "g", '{"b"'), call(0, arguments='{"a":')]),
        chunk(tool_calls=[call(1, "", "", ":2}"), call(0, arguments="1}")]),
        chunk("tool_calls"),
    )

    assert told == [
        BlockBegan(0, "text"), Delta(0, "so"), BlockEnded(0),
        BlockBegan(1, "tool", tool_id="c1", tool_name="f"),
        BlockBegan(2, "tool", tool_id="c2", tool_name="g"), Delta(2, '{"b"'),
        Delta(1, '{"a":'), Delta(2, ":2}"), Delta(1, "1}"),
        BlockEnded(1), BlockEnded(2),
        Stopped("tool_use", "tool_calls"),
    ]  # fmt: skip


def test_an_object_as_arguments_and_none_at_all_are_text_of_an_object():
    told = events(
        chunk(tool_calls=[call(0, "c1", "f", {"a": [1.50]}), call(1, "c2", "g")]),
        chunk("stop"),
    )

    assert told[1] == Delta(0, '{"a": [1.5]}')
    assert Delta(1, "{}") in told
    assert told[-1] == Stopped("tool_use", "stop")


def test_a_signature_of_a_call_is_kept():
    extra = {"google": {"thought_signature": "s"}}

    told = events(chunk(tool_calls=[call(0, "c1", "f", "{}", extra_content=extra)]))

    assert told[-1] == Signed(0, "s")


def test_calls_without_places_or_ids_are_told_apart():
    told = events(
        chunk(
            tool_calls=[call(None, "c1", "f", "{"), call(None, arguments="}"), call(None, "c2", "g", "{}")]
        ),
        chunk(tool_calls=[call(0, "c3", "h", "{}")]),
        chunk(tool_calls=[call(7, None, "i", "{}")]),
    )

    begun = [(event.tool_id, event.tool_name) for event in told if isinstance(event, BlockBegan)]
    assert begun == [("c1", "f"), ("c2", "g"), ("c3", "h"), ("call_x_3", "i")]
    assert told[1:3] == [Delta(0, "{"), Delta(0, "}")]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "end"), ("length", "length"), ("max_tokens", "length"), ("model_length", "length"), ("eos", "end"),
        ("content_filter", "filter"), ("tool_calls", "tool_use"), ("function_call", "tool_use"),
    ],
)  # fmt: skip
def test_the_end_is_told_in_our_words_and_in_theirs(word, reason):
    assert events(chunk(word)) == [Stopped(reason, word)]


def test_what_comes_after_the_end_is_not_part_of_it():
    assert events(chunk("stop", content="a"), chunk("length", content="b"), DONE) == [
        BlockBegan(0, "text"), Delta(0, "a"), BlockEnded(0), Stopped("end", "stop"),
    ]  # fmt: skip


def test_a_stream_that_never_says_why_it_ends_has_ended():
    assert events(chunk(content="a"), DONE)[-2:] == [BlockEnded(0), Stopped("end", "")]


def test_other_choices_are_not_ours():
    data = json.dumps(
        {"id": "x", "choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"}]}
    )

    assert events(data.encode()) == []


def test_a_whole_answer_tells_what_a_stream_would():
    message = {
        "role": "assistant",
        "content": "so",
        "reasoning": "hm",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    choice = {"message": message, "finish_reason": "tool_calls", "native_finish_reason": "STOP"}
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    reader = OpenAI().reader()

    told = reader.whole(json.dumps({"id": "x", "choices": [choice], "usage": usage}).encode())

    assert told == [
        Began("x"),
        BlockBegan(0, "thinking"), Delta(0, "hm"), BlockEnded(0),
        BlockBegan(1, "text"), Delta(1, "so"), BlockEnded(1),
        BlockBegan(2, "tool", tool_id="c1", tool_name="f"), Delta(2, "{}"), BlockEnded(2),
        Stopped("tool_use", "STOP"),
        Told(Usage(input_tokens=9, output_tokens=2)),
    ]  # fmt: skip
    assert reader.is_done


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[1]", b"null", b'{"choices": 5}', b'{"choices": [{"delta": {"content": 5}}]}', b'{"error": {"message": "x"}}',
        b'{"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}}]}',
        b'{"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": 5}}]}}]}',
        b'{"choices": [{"delta": {}, "finish_reason": "error"}]}', b'{"choices": [{"delta": {"content": "\xff"}}]}',
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_chat_answer_is_malformed(data):
    with pytest.raises(MalformedStream):
        OpenAI().reader().event(data)
    with pytest.raises(MalformedStream):
        OpenAI().reader().whole(data)


def test_a_whole_answer_without_choices_is_malformed():
    with pytest.raises(MalformedStream):
        OpenAI().reader().whole(b'{"id": "x", "choices": []}')


deltas = st.fixed_dictionaries(
    {},
    optional={
        "content": anything,
        "reasoning": anything,
        "reasoning_details": anything | st.lists(st.fixed_dictionaries({"type": anything, "text": anything})),
        "tool_calls": anything | st.lists(st.fixed_dictionaries({"index": anything, "function": anything})),
    },
)


@given(
    st.lists(
        st.fixed_dictionaries({"delta": deltas | anything}, optional={"finish_reason": anything}) | anything
    )
)
def test_whatever_comes_it_is_events_or_malformed(choices):
    reader = OpenAI().reader()

    for choice in choices:
        try:
            told = reader.event(json.dumps({"choices": [choice]}).encode())
        except MalformedStream:
            continue
        assert all(event is not None for event in told)
