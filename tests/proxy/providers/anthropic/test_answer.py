import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.prices import Usage
from proxy.conversation import Began, BlockBegan, BlockEnded, Delta, Signed, Stopped, Told
from proxy.providers.anthropic.answer import AnthropicReader
from proxy.sse import MalformedStream

BEGUN = {
    "type": "message_start",
    "message": {
        "type": "message", "id": "msg_1", "role": "assistant", "model": "claude-x", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1},
    },
}  # fmt: skip
STOP = {"type": "message_stop"}


def start(index, kind, **more):
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **more}}


def delta(index, kind, **more):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **more}}


def stop(index):
    return {"type": "content_block_stop", "index": index}


def ended(reason="end_turn", sequence=None, **usage):
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": sequence},
        "usage": usage or {"output_tokens": 5},
    }


def read(*events, reader=None):
    reader = reader or AnthropicReader()
    return [told for event in events for told in reader.event(json.dumps(event).encode())]


def blocks(*events):
    """What is told of an answer between its beginning and its end."""
    told = read(BEGUN, *events, ended(), STOP)
    return [one for one in told if isinstance(one, BlockBegan | Delta | Signed | BlockEnded)]


def whole(*content, reason="end_turn", **more):
    message = {"type": "message", "id": "msg_1", "content": content, "stop_reason": reason, **more}
    return AnthropicReader().whole(json.dumps(message).encode())


def test_a_stream_of_text_is_told_from_beginning_to_end():
    reader = AnthropicReader()

    told = read(
        BEGUN,
        {"type": "ping"},
        start(0, "text", text=""),
        delta(0, "text_delta", text="Hel"),
        delta(0, "text_delta", text="lo"),
        stop(0),
        ended(),
        reader=reader,
    )

    assert told == [
        Began("msg_1"),
        Told(Usage(input_tokens=10, output_tokens=1)),
        BlockBegan(0, "text"),
        Delta(0, "Hel"),
        Delta(0, "lo"),
        BlockEnded(0),
        Stopped("end", "end_turn"),
        Told(Usage(input_tokens=10, output_tokens=5)),
    ]
    assert not reader.is_done
    assert read(STOP, reader=reader) == []
    assert reader.is_done


def test_a_whole_answer_is_told_as_the_same_events():
    told = whole(
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "Hello", "citations": None},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1]}},
        reason="tool_use",
        usage={"input_tokens": 10, "output_tokens": 5},
    )

    assert told == [
        Began("msg_1"),
        BlockBegan(0, "thinking"), Delta(0, "hm"), Signed(0, "s"), BlockEnded(0),
        BlockBegan(1, "thinking"), Signed(1, "x", is_redacted=True), BlockEnded(1),
        BlockBegan(2, "text"), Delta(2, "Hello"), BlockEnded(2),
        BlockBegan(3, "tool", tool_id="t1", tool_name="f"), Delta(3, '{"a": [1]}'), BlockEnded(3),
        Stopped("tool_use", "tool_use"),
        Told(Usage(input_tokens=10, output_tokens=5)),
    ]  # fmt: skip


def test_a_thought_is_told_with_its_signature():
    told = blocks(
        start(0, "thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="hm"),
        delta(0, "signature_delta", signature="s"),
        stop(0),
    )

    assert told == [BlockBegan(0, "thinking"), Delta(0, "hm"), Signed(0, "s"), BlockEnded(0)]


def test_a_hidden_thought_is_told_by_what_proves_it():
    told = blocks(start(0, "redacted_thinking", data="x"), stop(0))

    assert told == [BlockBegan(0, "thinking"), Signed(0, "x", is_redacted=True), BlockEnded(0)]


def test_the_arguments_of_a_tool_call_are_told_piece_by_piece():
    told = blocks(
        start(0, "tool_use", id="t1", name="f", input={}),
        delta(0, "input_json_delta", partial_json=""),
        delta(0, "input_json_delta", partial_json='{"a":'),
        delta(0, "input_json_delta", partial_json=" 1}"),
        stop(0),
    )

    assert told == [
        BlockBegan(0, "tool", tool_id="t1", tool_name="f"),
        Delta(0, '{"a":'),
        Delta(0, " 1}"),
        BlockEnded(0),
    ]


@pytest.mark.parametrize(("given_input", "arguments"), [({}, "{}"), (None, "{}"), ({"a": 1}, '{"a": 1}')])
def test_a_call_without_pieces_has_the_arguments_it_began_with(given_input, arguments):
    told = blocks(
        start(0, "tool_use", id="t1", name="f", input=given_input),
        delta(0, "input_json_delta", partial_json=""),
        stop(0),
    )

    assert told[1:] == [Delta(0, arguments), BlockEnded(0)]


def test_blocks_may_be_open_at_once_and_are_numbered_as_they_begin():
    told = blocks(
        start(7, "text", text="a"),
        start(3, "tool_use", id="t1", name="f"),
        delta(7, "text_delta", text="b"),
        delta(3, "input_json_delta", partial_json="{}"),
        stop(7),
        stop(3),
    )

    assert told == [
        BlockBegan(0, "text"),
        Delta(0, "a"),
        BlockBegan(1, "tool", tool_id="t1", tool_name="f"),
        Delta(0, "b"),
        Delta(1, "{}"),
        BlockEnded(0),
        BlockEnded(1),
    ]


def test_what_is_still_open_at_the_stop_ends_there_once():
    reader = AnthropicReader()

    told = read(BEGUN, start(0, "text"), start(1, "tool_use", id="t1", name="f"), ended(), reader=reader)

    assert told[4:-2] == [BlockEnded(0), Delta(1, "{}"), BlockEnded(1)]
    assert read(ended("max_tokens", output_tokens=6), STOP, reader=reader) == [
        Told(Usage(input_tokens=10, output_tokens=6))
    ]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "end"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("stop_sequence", "stop_sequence"),
        ("tool_use", "tool_use"),
        ("refusal", "filter"),
        ("pause_turn", "end"),
        ("of_tomorrow", "end"),
    ],
)
def test_why_an_answer_is_over_is_told_in_both_words(native, reason):
    streamed, plain = read(BEGUN, ended(native)), whole(reason=native)

    assert Stopped(reason, native) in streamed
    assert Stopped(reason, native) in plain


def test_the_stop_that_was_hit_is_told():
    streamed = read(BEGUN, ended("stop_sequence", "\n\n"))
    plain = whole(reason="stop_sequence", stop_sequence="\n\n")

    assert Stopped("stop_sequence", "stop_sequence", "\n\n") in streamed
    assert Stopped("stop_sequence", "stop_sequence", "\n\n") in plain


def test_usage_of_a_cut_stream_is_what_was_last_told():
    message = {
        **BEGUN["message"],
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 1},
    }

    told = read(
        {**BEGUN, "message": message},
        start(0, "text"),
        delta(0, "text_delta", text="Hel"),
        ended(None, output_tokens=3),
        delta(0, "text_delta", text="lo"),
    )

    usages = [one.usage for one in told if isinstance(one, Told)]
    assert usages == [
        Usage(input_tokens=100, output_tokens=1, cached_tokens=90),
        Usage(input_tokens=100, output_tokens=3, cached_tokens=90),
    ]


def test_impossible_usage_is_not_told():
    told = read(BEGUN, ended(output_tokens=-5))

    assert [one for one in told if isinstance(one, Told)] == [Told(Usage(input_tokens=10, output_tokens=1))]


def test_what_is_said_about_an_answer_is_passed_over():
    told = blocks(
        {"type": "of_tomorrow", "index": "x", "delta": [7]},
        start(0, "text", text="", citations=[]),
        delta(0, "citations_delta", citation={"cited_text": "b"}),
        delta(0, "text_delta", text="a"),
        delta(0, "signature_delta", signature="s"),
        stop(0),
    )

    assert told == [BlockBegan(0, "text"), Delta(0, "a"), BlockEnded(0)]


def test_a_block_of_an_unknown_kind_takes_no_number():
    told = blocks(
        start(0, "server_tool_use", id="t1", name="search", input={}),
        delta(0, "input_json_delta", partial_json='{"q": 1}'),
        stop(0),
        start(1, "search_result_of_tomorrow", content=[{"text": "x"}], text={"odd": 1}, input=7),
        stop(1),
        start(2, "text", text="a"),
        stop(2),
    )

    assert told == [BlockBegan(0, "text"), Delta(0, "a"), BlockEnded(0)]
    assert whole({"type": "server_tool_use", "id": "t1", "input": 7})[1:] == [Stopped("end", "end_turn")]


def test_text_in_a_block_of_an_unknown_kind_is_text():
    streamed = blocks(start(0, "of_tomorrow"), delta(0, "text_delta", text="a"), stop(0))
    plain = whole({"type": "of_tomorrow", "text": "a"})

    assert streamed == [BlockBegan(0, "text"), Delta(0, "a"), BlockEnded(0)]
    assert plain[1:4] == streamed


def test_content_that_comes_with_the_beginning_is_told():
    message = {**BEGUN["message"], "content": [{"type": "text", "text": "a"}]}

    told = read({**BEGUN, "message": message}, start(0, "text", text="b"), stop(0), ended())

    assert told[1:4] == [BlockBegan(0, "text"), Delta(0, "a"), BlockEnded(0)]
    assert told[5:8] == [BlockBegan(1, "text"), Delta(1, "b"), BlockEnded(1)]


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "message_start"}],
        [{"type": "message_start", "message": {"id": "x"}}],
        [BEGUN, BEGUN],
        [start(0, "text")],
        [ended()],
        [STOP],
        [BEGUN, STOP],
        [BEGUN, ended(None), STOP],
        [BEGUN, ended(7)],
        [BEGUN, {"type": "content_block_start", "index": 0}],
        [BEGUN, {"type": "content_block_start", "content_block": {"type": "text"}}],
        [BEGUN, start(0, "text"), start(0, "text")],
        [BEGUN, start(0, "text", text=7)],
        [BEGUN, start(0, "tool_use", name="f")],
        [BEGUN, start(0, "tool_use", id="t1")],
        [BEGUN, start(0, "tool_use", id="t1", name="f", input=[1]), stop(0)],
        [BEGUN, delta(0, "text_delta", text="a")],
        [BEGUN, start(0, "text"), {"type": "content_block_delta", "index": 0}],
        [BEGUN, start(0, "text"), delta(0, "text_delta", text=["a"])],
        [BEGUN, start(0, "text"), delta(0, "thinking_delta", thinking="a")],
        [BEGUN, start(0, "text"), delta(0, "input_json_delta", partial_json="{")],
        [BEGUN, start(0, "tool_use", id="t1", name="f"), delta(0, "text_delta", text="a")],
        [BEGUN, start(0, "text"), stop(0), stop(0)],
        [BEGUN, start(0, "text"), stop(0), delta(0, "text_delta", text="a")],
        [BEGUN, ended(), start(0, "text")],
    ],
)
def test_a_stream_that_makes_no_sense_is_malformed(events):
    with pytest.raises(MalformedStream):
        read(*events)


@pytest.mark.parametrize("error", [{"type": "overloaded_error", "message": "Overloaded"}, "no", None])
def test_an_error_is_reported_as_one(error):
    event = {"type": "error", "error": error, "message": "no"}

    with pytest.raises(MalformedStream, match="the provider reports an error"):
        read(BEGUN, event)
    with pytest.raises(MalformedStream, match="the provider reports an error"):
        AnthropicReader().whole(json.dumps(event).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"content": "text", "stop_reason": "end_turn"}',
        b'{"content": [{"type": "text", "text": "a"}], "stop_reason": null}',
        b'{"content": [{"type": "text", "text": 7}], "stop_reason": "end_turn"}',
        b'{"content": [{"type": "tool_use", "id": "t1", "name": "f", "input": "x"}], "stop_reason": "tool_use"}',
    ],
)
def test_what_is_no_answer_is_malformed(body):
    with pytest.raises(MalformedStream):
        AnthropicReader().whole(body)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
kinds = st.sampled_from(
    ["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use",
     "text_delta", "thinking_delta", "input_json_delta", "signature_delta", "citations_delta"]
)  # fmt: skip
inner_names = st.sampled_from(
    ["type", "text", "thinking", "signature", "data", "id", "name", "input", "partial_json", "stop_reason",
     "stop_sequence", "content", "usage", "input_tokens", "output_tokens"]
)  # fmt: skip
inners = st.dictionaries(inner_names, kinds | anything, max_size=6)
odd_events = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            [
                "message_start",
                "content_block_start",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop",
                "ping",
                "of_tomorrow",
            ]
        )
        | anything
    },
    optional={
        "index": st.integers(0, 1) | anything,
        "message": inners | anything,
        "content_block": inners | anything,
        "delta": inners | anything,
        "usage": inners | anything,
    },
)
good_events = st.sampled_from(
    [start(0, "text", text="a"), start(1, "tool_use", id="t1", name="f"), start(0, "thinking"), start(1, "new"),
     delta(0, "text_delta", text="b"), delta(1, "input_json_delta", partial_json="{"), stop(0), stop(1), ended(), STOP]
)  # fmt: skip


@given(st.lists(odd_events | good_events | anything, max_size=8), st.booleans())
def test_whatever_comes_is_read_or_malformed_and_what_is_told_is_in_order(events, is_begun):
    reader, told = AnthropicReader(), []

    try:
        for event in [BEGUN, *events] if is_begun else events:
            told += reader.event(json.dumps(event).encode())
    except MalformedStream:
        pass

    begun = [one.block for one in told if isinstance(one, BlockBegan)]
    assert begun == list(range(len(begun)))
    live = set()
    for one in told:
        if isinstance(one, BlockBegan):
            live.add(one.block)
        elif isinstance(one, Delta | Signed):
            assert one.block in live
        elif isinstance(one, BlockEnded):
            live.remove(one.block)
        elif isinstance(one, Stopped):
            assert not live
    assert sum(isinstance(one, Stopped) for one in told) <= 1


@given(inners | anything)
def test_whatever_is_sent_as_an_answer_is_read_or_malformed(body):
    try:
        AnthropicReader().whole(json.dumps(body).encode())
    except MalformedStream:
        pass


@given(st.binary(max_size=40))
def test_bytes_are_read_or_malformed(data):
    for read_it in (AnthropicReader().event, AnthropicReader().whole):
        try:
            read_it(data)
        except MalformedStream:
            pass


pieces = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=4)


@given(st.lists(st.tuples(st.sampled_from(["text", "thinking", "tool_use"]), pieces), max_size=4))
def test_a_stream_tells_what_the_whole_answer_tells(content):
    names = {"text": "text", "thinking": "thinking", "tool_use": "partial_json"}
    growth = {"text": "text_delta", "thinking": "thinking_delta", "tool_use": "input_json_delta"}
    events, made = [], []
    for index, (kind, parts) in enumerate(content):
        if kind == "tool_use":
            arguments = json.dumps({"a": "".join(parts)})
            parts = [arguments[:3], arguments[3:]]  # noqa: PLW2901
            made.append({"type": kind, "id": f"t{index}", "name": "f", "input": json.loads(arguments)})
        else:
            made.append({"type": kind, kind: "".join(parts)})
        events.append(start(index, kind, id=f"t{index}", name="f"))
        events += [delta(index, growth[kind], **{names[kind]: part}) for part in parts]
        events.append(stop(index))

    streamed = read(BEGUN, *events, ended(), STOP)
    plain = whole(*made)

    assert said(streamed) == said(plain)


def said(events):
    """Each block of an answer with all its text."""
    found = {}
    for one in events:
        if isinstance(one, BlockBegan):
            found[one.block] = [one, ""]
        elif isinstance(one, Delta):
            found[one.block][1] += one.text
    return found
