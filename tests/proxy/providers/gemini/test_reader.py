import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.prices import Usage
from proxy.conversation import Began, BlockBegan, BlockEnded, Delta, Signed, Stopped, Told
from proxy.providers.gemini.reader import GeminiReader
from proxy.sse import MalformedStream


def chunk(*parts, **fields):
    """A chunk as the API writes it: parts of the one candidate, and what else it says."""
    reason = {"finishReason": fields.pop("finish")} if "finish" in fields else {}
    content = {"content": {"parts": list(parts), "role": "model"}} if parts else {}
    return {"candidates": [{**content, **reason, "index": 0}], "responseId": "r-1", **fields}


def usage(prompt=10, answer=0, thoughts=0):
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": answer,
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": prompt + answer + thoughts,
    }


def stream(*chunks):
    reader = GeminiReader()
    return [event for each in chunks for event in reader.event(json.dumps(each).encode())]


def whole(answer):
    return GeminiReader().whole(json.dumps(answer).encode())


def test_a_stream_of_thoughts_and_text():
    events = stream(
        chunk({"text": "Let me ", "thought": True}, usageMetadata=usage(answer=0, thoughts=5)),
        chunk({"text": "see.", "thought": True}, usageMetadata=usage(answer=0, thoughts=9)),
        chunk({"text": "It is "}, usageMetadata=usage(answer=2, thoughts=9)),
        chunk({"text": "21."}, finish="STOP", usageMetadata=usage(answer=4, thoughts=9)),
    )

    assert events == [
        Began("r-1"),
        BlockBegan(0, "thinking"),
        Delta(0, "Let me "),
        Told(Usage(input_tokens=10, output_tokens=5, reasoning_tokens=5)),
        Delta(0, "see."),
        Told(Usage(input_tokens=10, output_tokens=9, reasoning_tokens=9)),
        BlockEnded(0),
        BlockBegan(1, "text"),
        Delta(1, "It is "),
        Told(Usage(input_tokens=10, output_tokens=11, reasoning_tokens=9)),
        Delta(1, "21."),
        Told(Usage(input_tokens=10, output_tokens=13, reasoning_tokens=9)),
        BlockEnded(1),
        Stopped("end", "STOP"),
    ]


def test_calls_are_whole_and_come_with_an_id_and_their_signature():
    call = {
        "functionCall": {"name": "weather", "args": {"city": "Oslo", "n": 1.0}},
        "thoughtSignature": "c2ln",
    }
    other = {"functionCall": {"id": "own", "name": "time"}}

    events = stream(
        chunk({"text": "Wait."}, call),
        chunk(other),
        chunk({"text": ""}, finish="STOP"),
    )

    assert events == [
        Began("r-1"),
        BlockBegan(0, "text"),
        Delta(0, "Wait."),
        BlockEnded(0),
        BlockBegan(1, "tool", "call_r-1_0", "weather"),
        Delta(1, '{"city":"Oslo","n":1.0}'),
        Signed(1, "c2ln"),
        BlockEnded(1),
        BlockBegan(2, "tool", "own", "time"),
        Delta(2, "{}"),
        BlockEnded(2),
        Stopped("tool_use", "STOP"),
    ]


def test_a_signature_of_a_thought_ends_it():
    events = stream(
        chunk({"text": "Hm.", "thought": True, "thoughtSignature": "c2ln"}, {"text": "So.", "thought": True})
    )

    assert events[1:] == [
        BlockBegan(0, "thinking"),
        Delta(0, "Hm."),
        Signed(0, "c2ln"),
        BlockEnded(0),
        BlockBegan(1, "thinking"),
        Delta(1, "So."),
    ]


def test_a_signature_of_text_or_of_nothing_is_a_thought_without_words():
    events = stream(
        chunk({"text": "Yes.", "thoughtSignature": "b25l"}),
        chunk({"text": "", "thoughtSignature": "dHdv"}, finish="STOP"),
    )

    assert events == [
        Began("r-1"),
        BlockBegan(0, "text"),
        Delta(0, "Yes."),
        BlockEnded(0),
        BlockBegan(1, "thinking"),
        Signed(1, "b25l"),
        BlockEnded(1),
        BlockBegan(2, "thinking"),
        Signed(2, "dHdv"),
        BlockEnded(2),
        Stopped("end", "STOP"),
    ]


def test_a_whole_answer_tells_the_same():
    answer = chunk({"text": "21."}, finish="STOP", usageMetadata=usage(answer=4), modelVersion="gemini-x")

    assert whole(answer) == stream(answer) == [
        Began("r-1"),
        BlockBegan(0, "text"),
        Delta(0, "21."),
        Told(Usage(input_tokens=10, output_tokens=4)),
        BlockEnded(0),
        Stopped("end", "STOP"),
    ]  # fmt: skip


def test_an_answer_may_be_empty():
    assert whole(chunk(finish="STOP")) == [Began("r-1"), Stopped("end", "STOP")]


def test_arguments_of_an_answer_written_wide_are_written_narrow():
    answer = chunk({"functionCall": {"name": "f", "args": {"a": "x  y", "b": [1, {}]}}}, finish="STOP")

    events = GeminiReader().whole(json.dumps(answer, indent=2).encode())

    assert Delta(0, '{"a":"x  y","b":[1,{}]}') in events


def test_usage_is_told_once_until_it_changes_and_also_after_the_stop():
    events = stream(
        chunk({"text": "a"}, usageMetadata=usage(answer=1)),
        chunk({"text": "b"}, usageMetadata=usage(answer=1)),
        chunk({"text": "c"}, usageMetadata="none"),
        chunk({"text": "d"}, finish="STOP"),
        {"usageMetadata": usage(answer=4)},
        {"candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": "STOP"}]},
    )

    assert [event for event in events if isinstance(event, Told | Stopped)] == [
        Told(Usage(input_tokens=10, output_tokens=1)),
        Stopped("end", "STOP"),
        Told(Usage(input_tokens=10, output_tokens=4)),
    ]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("STOP", "end"), ("MAX_TOKENS", "length"), ("SAFETY", "filter"), ("RECITATION", "filter"),
        ("LANGUAGE", "filter"), ("OTHER", "filter"), ("BLOCKLIST", "filter"), ("PROHIBITED_CONTENT", "filter"),
        ("SPII", "filter"), ("WHAT_IS_YET_TO_COME", "filter"),
    ],
)  # fmt: skip
def test_why_it_ended_is_told_in_our_words_and_in_theirs(native, reason):
    assert whole(chunk({"text": "a"}, finish=native))[-1] == Stopped(reason, native)


def test_a_call_cut_by_the_bound_is_cut_by_the_bound():
    call = {"functionCall": {"name": "f", "args": {}}}

    assert whole(chunk(call, finish="MAX_TOKENS"))[-1] == Stopped("length", "MAX_TOKENS")


def test_a_question_that_is_not_answered_says_why():
    answer = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": usage()}

    assert whole(answer) == [
        Began(None),
        Told(Usage(input_tokens=10)),
        Stopped("filter", "PROHIBITED_CONTENT"),
    ]


def test_a_reason_fit_for_no_book_is_made_fit():
    assert whole(chunk(finish="A\x00\n" + "B" * 100))[-1] == Stopped("filter", "A" + "B" * 63)


@pytest.mark.parametrize(
    "native",
    ["MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE", "TOO_MANY_TOOL_CALLS",
     "UNEXPECTED_TOOL_CALL"],
)  # fmt: skip
def test_a_model_that_went_wrong_gave_no_answer(native):
    with pytest.raises(MalformedStream, match=native):
        whole(chunk(finish=native))


@pytest.mark.parametrize("fields", [{"finish": ""}, {"finish": "FINISH_REASON_UNSPECIFIED"}, {}])
def test_a_plain_answer_that_does_not_end_is_none(fields):
    with pytest.raises(MalformedStream, match="no end"):
        whole(chunk({"text": "a"}, **fields))


@pytest.mark.parametrize("answer", [{}, {"candidates": []}, {"candidates": None}, {"promptFeedback": {}}])
def test_a_plain_answer_without_a_candidate_is_none(answer):
    with pytest.raises(MalformedStream, match="no end"):
        whole(answer)


@pytest.mark.parametrize(
    "answer", [{}, {"candidates": []}, {"candidates": [{}]}, chunk({"text": ""}), chunk({})]
)
def test_a_chunk_may_say_nothing(answer):
    assert stream(answer)[1:] == []


def test_a_stream_has_no_last_word():
    reader = GeminiReader()

    reader.event(json.dumps(chunk({"text": "a"}, finish="STOP", usageMetadata=usage())).encode())

    assert not reader.is_done


@pytest.mark.parametrize("error", [{"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}, "x", {}])
def test_an_error_in_a_stream_is_one(error):
    with pytest.raises(MalformedStream, match="reports an error"):
        stream(chunk({"text": "a"}), {"error": error})


@pytest.mark.parametrize(
    "part",
    [
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "c2ln"},
        {"fileData": {"fileUri": "https://example.com"}},
        {"executableCode": {"code": "print(1)", "language": "PYTHON"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        {"whatIsYetToCome": {"text": "hello"}},
        {"text": "", "whatIsYetToCome": {"text": "hello"}},
    ],
)
def test_a_part_that_cannot_be_passed_on_is_not_left_out(part):
    with pytest.raises(MalformedStream, match="not asked for"):
        stream(chunk(part))


def test_what_is_said_about_text_is_passed_over():
    assert stream(chunk({"text": "a", "partMetadata": {"x": 1}}))[-1] == Delta(0, "a")


@pytest.mark.parametrize("part", [{"text": "b"}, {"functionCall": {"name": "f"}}])
def test_an_answer_does_not_go_on_after_its_end(part):
    with pytest.raises(MalformedStream, match="after its end"):
        stream(chunk({"text": "a"}, finish="STOP"), chunk(part))


@pytest.mark.parametrize("candidates", [[{"index": 0}, {"index": 1}], [{"index": 1}], [{}, {}]])
def test_more_answers_than_one_were_not_asked_for(candidates):
    with pytest.raises(MalformedStream, match="more than one"):
        stream({"candidates": candidates})


@pytest.mark.parametrize("call", [{"name": ""}, {}, {"name": None}, {"name": "f", "args": [1]}, {"name": "f", "args": "{}"}, [], "f"])  # fmt: skip
def test_a_call_must_say_what_of(call):
    with pytest.raises(MalformedStream):
        stream(chunk({"functionCall": call}))


def test_arguments_of_none_are_none():
    assert Delta(0, "{}") in stream(chunk({"functionCall": {"name": "f", "args": None}}))


@pytest.mark.parametrize(
    ("answer_id", "tool_id"),
    [
        (None, "call_0"), ("", "call_0"), ("é!", "call_0"), ("aB3-_=/", "call_aB3-__0"),
        ("x" * 99, "call_" + "x" * 24 + "_0"),
    ],
)  # fmt: skip
def test_a_made_up_id_is_one_any_client_and_any_provider_takes(answer_id, tool_id):
    events = stream(chunk({"functionCall": {"name": "f"}}, responseId=answer_id))

    assert BlockBegan(0, "tool", tool_id, "f") in events


@pytest.mark.parametrize(
    "data",
    [
        b"", b"nonsense", b"[1]", b"null", b'"text"', b"[DONE]", b'{"candidates": [', b'{"candidates": "many"}',
        b'{"candidates": [1]}', b'{"candidates": [{"content": {"parts": [1]}}]}', b'{"x": "\xff"}',
        b'{"candidates": [{"content": {"parts": [{"text": 1}]}}]}',
        b'{"candidates": [{"content": {"parts": [{"text": "\\ud800"}]}}]}',
        b'{"candidates": [{"content": {"parts": [{"text": "a", "thought": "yes"}]}}]}',
        b'{"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": NaN}}}]}}]}',
        b'{"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": "\\ud800"}}}]}}]}',
        b'{"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}}]}}]}",
        b"[" * 100_000, b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)  # fmt: skip
def test_what_is_no_answer_is_malformed(data):
    with pytest.raises(MalformedStream):
        GeminiReader().event(data)


TEXT = st.text(string.printable, max_size=5)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
CALLS = st.fixed_dictionaries({"name": TEXT | ANYTHING}, optional={"args": ANYTHING, "id": TEXT | ANYTHING})
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXT | ANYTHING,
        "thought": st.booleans() | ANYTHING,
        "thoughtSignature": TEXT | ANYTHING,
        "functionCall": CALLS | ANYTHING,
        "inlineData": ANYTHING,
    },
)
REASONS = st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY", "MALFORMED_FUNCTION_CALL", ""]) | ANYTHING
CANDIDATES = st.fixed_dictionaries(
    {},
    optional={
        "content": st.fixed_dictionaries({"parts": st.lists(PARTS | ANYTHING, max_size=3) | ANYTHING})
        | ANYTHING,
        "finishReason": REASONS,
        "index": st.just(0) | ANYTHING,
    },
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "candidates": st.lists(CANDIDATES, max_size=1) | ANYTHING,
        "promptFeedback": st.fixed_dictionaries({"blockReason": REASONS}) | ANYTHING,
        "usageMetadata": st.fixed_dictionaries({"promptTokenCount": st.integers(0, 9)}) | ANYTHING,
        "responseId": TEXT | ANYTHING,
        "error": ANYTHING,
    },
)


def read_until_malformed(chunks):
    reader, events = GeminiReader(), []
    try:
        for each in chunks:
            events += reader.event(json.dumps(each).encode())
    except MalformedStream:
        pass
    return events


@given(st.lists(ANSWERS | ANYTHING, max_size=4))
def test_whatever_comes_the_events_are_in_order(chunks):
    events = read_until_malformed(chunks)

    began = [event.block for event in events if isinstance(event, BlockBegan)]
    ended = [event.block for event in events if isinstance(event, BlockEnded)]
    stops = [index for index, event in enumerate(events) if isinstance(event, Stopped)]
    is_open = set()
    for event in events:
        if isinstance(event, BlockBegan):
            is_open.add(event.block)
        elif isinstance(event, Delta | Signed | BlockEnded):
            assert event.block in is_open
            if isinstance(event, BlockEnded):
                is_open.remove(event.block)
    assert began == list(range(len(began)))
    assert ended == sorted(set(ended))
    assert sum(isinstance(event, Began) for event in events) == (events != [])
    assert len(stops) <= 1
    if stops:
        assert not is_open
        assert all(isinstance(event, Told) for event in events[stops[0] + 1 :])


GOOD_PARTS = st.one_of(
    st.fixed_dictionaries({"text": TEXT}, optional={"thought": st.booleans(), "thoughtSignature": TEXT}),
    st.fixed_dictionaries({"functionCall": st.fixed_dictionaries({"name": TEXT.filter(bool), "args": st.dictionaries(TEXT, TEXT)})}),
)  # fmt: skip


@given(st.lists(st.lists(GOOD_PARTS, max_size=4), max_size=4))
def test_no_text_and_no_call_of_a_good_answer_is_lost(chunks):
    events = stream(*[chunk(*parts) for parts in chunks])

    kinds = {event.block: event.kind for event in events if isinstance(event, BlockBegan)}
    told = {
        kind: "".join(
            event.text for event in events if isinstance(event, Delta) and kinds[event.block] == kind
        )
        for kind in ("text", "thinking")
    }
    parts = [part for each in chunks for part in each]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    assert told["text"] == "".join(part.get("text", "") for part in parts if not part.get("thought"))
    assert told["thinking"] == "".join(part.get("text", "") for part in parts if part.get("thought"))
    assert [json.loads(event.text) for event in events if isinstance(event, Delta) and kinds[event.block] == "tool"] == [
        call["args"] for call in calls
    ]  # fmt: skip
    assert [
        event.tool_name for event in events if isinstance(event, BlockBegan) and event.kind == "tool"
    ] == [call["name"] for call in calls]
    assert [event.signature for event in events if isinstance(event, Signed)] == [
        part["thoughtSignature"] for part in parts if part.get("thoughtSignature")
    ]
