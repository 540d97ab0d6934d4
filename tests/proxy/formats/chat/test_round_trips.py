"""What a chat request says survives being put in nobody's words, and so does what an answer says."""

import json
from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.conversation import BlockBegan, Delta, Signed, Stopped, Thinking, ToolUse
from proxy.formats.chat import Chat
from proxy.providers.openai import OpenAI
from proxy.sse import DONE, EventSplitter
from tests.proxy.formats.chat.test_writer import BILL

words = st.text('ab \n"\\{}:é漢🎉\u2028\x00', min_size=1, max_size=12)
ids = st.text("abcXYZ019_-", min_size=1, max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
objects = st.dictionaries(words, values, max_size=3)
marks = st.sampled_from([{}, {"cache_control": {"type": "ephemeral"}}])
PROSE = ("text", "refusal")
base64 = st.sampled_from(["QUJD", "/+8=", "AAAA"])


def described(**parts):
    return st.fixed_dictionaries(parts)


text_parts = st.builds(lambda text, mark: {"type": "text", "text": text, **mark}, words, marks)
media_parts = st.one_of(
    base64.map(lambda data: {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}),
    st.builds(
        lambda path, detail: {"type": "image_url", "image_url": {"url": f"https://a/{path}", "detail": detail}},
        ids,
        st.sampled_from(["low", "high"]),
    ),
    st.builds(
        lambda name, data: {"type": "file", "file": {"filename": name, "file_data": f"data:application/pdf;base64,{data}"}},
        words,
        base64,
    ),
    st.builds(
        lambda data, form: {"type": "input_audio", "input_audio": {"data": data, "format": form}},
        base64,
        st.sampled_from(["wav", "mp3", "flac"]),
    ),
)  # fmt: skip
calls = st.builds(
    lambda name, arguments, signature: {
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
        **({"extra_content": {"google": {"thought_signature": signature}}} if signature else {}),
    },
    ids,
    objects,
    st.none() | words,
)
thoughts = st.one_of(
    st.builds(lambda text, signed: {"type": "reasoning.text", "text": text, **signed}, words, st.just({"signature": "s"})),
    words.map(lambda data: {"type": "reasoning.encrypted", "data": data}),
)  # fmt: skip


@st.composite
def exchanges(draw):
    """A user's turn, what the assistant thinks and says to it, and the results of the tools it calls."""
    said = draw(st.lists(text_parts | media_parts, min_size=1, max_size=3))
    details = [dict(detail, index=i) for i, detail in enumerate(draw(st.lists(thoughts, max_size=2)))]
    called = [dict(call, id=f"c{i}") for i, call in enumerate(draw(st.lists(calls, max_size=2)))]
    assistant = {"role": "assistant", "content": draw(st.lists(text_parts, min_size=1, max_size=2))}
    if details:
        assistant["reasoning_details"] = details
    if called:
        assistant["tool_calls"] = called
    results = [{"role": "tool", "tool_call_id": call["id"], "content": draw(words)} for call in called]
    return [{"role": "user", "content": said}, assistant, *results]


@st.composite
def requests(draw):
    system = draw(st.lists(text_parts, max_size=2))
    messages = [{"role": "system", "content": system}] if system else []
    messages += [message for turn in draw(st.lists(exchanges(), min_size=1, max_size=3)) for message in turn]
    optional = {
        "temperature": st.floats(0, 2), "top_p": st.floats(0, 1), "top_k": st.integers(0, 500), "min_p": st.floats(0, 1),
        "seed": st.integers(-(1 << 40), 1 << 40), "frequency_penalty": st.floats(-2, 2), "presence_penalty": st.floats(-2, 2),
        "stop": st.lists(words, min_size=1, max_size=4), "user": words, "parallel_tool_calls": st.booleans(),
        "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high"]),
        "tool_choice": st.sampled_from(["auto", "none", "required", {"type": "function", "function": {"name": "f"}}]),
        "response_format": st.just({"type": "json_object"})
        | described(type=st.just("json_schema"), json_schema=described(name=ids, schema=objects, strict=st.booleans())),
        "tools": st.lists(
            st.builds(
                lambda function, mark: {"type": "function", "function": function, **mark},
                described(name=ids, description=words, parameters=objects, strict=st.booleans()),
                marks,
            ),
            min_size=1,
            max_size=3,
        ),
    }  # fmt: skip
    return {"messages": messages, **draw(st.fixed_dictionaries({}, optional=optional))}


def normal(message):
    """A message with its content as parts, and without the repetition of its thoughts."""
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {**{name: message[name] for name in message if name != "reasoning_content"}, "content": parts}


@settings(max_examples=200, deadline=None)
@given(requests())
def test_a_request_says_the_same_after_it_was_put_in_nobodys_words(request):
    fields = msgspec.json.decode(msgspec.json.encode(request), type=dict[str, msgspec.Raw])

    ask = Chat().ask(fields, max_tokens=5)
    sent = json.loads(OpenAI().request_body(ask, model="m", stream=False))

    messages = [normal(message) for message in sent.pop("messages")]
    assert messages == [normal(message) for message in request["messages"]]
    assert sent == {**{n: v for n, v in request.items() if n != "messages"}, "model": "m", "max_tokens": 5}


@st.composite
def answers(draw):
    """A stream with each text cut anywhere, in the order models speak: and what it says."""
    thoughts = draw(st.lists(st.tuples(words, st.none() | st.just("s")), max_size=3))
    prose = draw(st.lists(st.tuples(st.sampled_from(["text", "refusal"]), words), max_size=3))
    called = draw(
        st.lists(st.tuples(ids, ids, objects.map(json.dumps)), max_size=3, unique_by=lambda call: call[0])
    )
    deltas = []
    for index, (text, signature) in enumerate(thoughts):
        pieces = [{"type": "reasoning.text", "text": piece, "index": index} for piece in draw(cuts(text))]
        deltas += [{"reasoning": piece["text"], "reasoning_details": [piece]} for piece in pieces]
        if signature:
            deltas.append(
                {"reasoning_details": [{"type": "reasoning.text", "signature": signature, "index": index}]}
            )
    for kind, text in prose:
        deltas += [{"content" if kind == "text" else kind: piece} for piece in draw(cuts(text))]
    streams = []
    for index, (call_id, name, arguments) in enumerate(called):
        first = {
            "index": index,
            "id": call_id,
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }
        rest = [{"index": index, "function": {"arguments": piece}} for piece in draw(cuts(arguments))]
        streams.append([first, *rest])
    deltas += [{"tool_calls": [piece]} for piece in draw(interleaved(streams))]
    chunks = [{"id": "x", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    ending = {
        "index": 0,
        "delta": {},
        "finish_reason": draw(st.sampled_from(["stop", "length", "content_filter"])),
    }
    stream = [json.dumps(chunk).encode() for chunk in [*chunks, {"id": "x", "choices": [ending]}]] + [DONE]
    return stream, thoughts, ["".join(text for of, text in prose if of == kind) for kind in PROSE], called


@st.composite
def cuts(draw, text):
    places = sorted({0, len(text), *draw(st.lists(st.integers(0, len(text)), max_size=3))})
    return [text[a:b] for a, b in pairwise(places)]


@st.composite
def interleaved(draw, streams):
    """Each in its own order, begun in theirs, and otherwise as it falls."""
    made = [stream.pop(0) for stream in streams]
    while left := [stream for stream in streams if stream]:
        made.append(draw(st.sampled_from(left)).pop(0))
    return made


def read(stream):
    reader = OpenAI().reader()
    return [event for data in stream for event in reader.event(data)]


def blocks(events):
    """The blocks of an answer whole, in the order they begin, and why it ended."""
    made, end = {}, None
    for event in events:
        if isinstance(event, BlockBegan):
            made[event.block] = [event.kind, event.tool_id, event.tool_name, "", []]
        elif isinstance(event, Delta):
            made[event.block][3] += event.text
        elif isinstance(event, Signed):
            made[event.block][4].append((event.signature, event.is_redacted))
        elif isinstance(event, Stopped):
            end = event
    return list(made.values()), end


def said(events):
    """What an answer says in all: thoughts one by one, text and refusals each in one, calls one by one."""
    told, _ = blocks(events)
    thoughts = [(b[3], b[4][0][0] if b[4] else None) for b in told if b[0] == "thinking"]
    prose = ["".join(b[3] for b in told if b[0] == kind) for kind in PROSE]
    return thoughts, prose, [tuple(b[1:4]) for b in told if b[0] == "tool"]


@settings(max_examples=200, deadline=None)
@given(answers())
def test_a_stream_is_read_however_it_is_cut(answer):
    stream, *truth = answer

    assert said(read(stream)) == tuple(truth)


@settings(max_examples=200, deadline=None)
@given(answers())
def test_a_stream_says_the_same_when_it_is_written_and_read_again(answer):
    events = read(answer[0])
    writer = Chat().writer({}, answer_id="ours", model="m", created=1)

    written = b"".join(writer.event(event) for event in events) + writer.end(BILL)

    assert blocks(read(EventSplitter().feed(written))) == blocks(events)


@settings(max_examples=200, deadline=None)
@given(answers())
def test_a_whole_answer_says_what_its_stream_says_and_can_be_sent_back(answer):
    stream, thoughts, _, called = answer
    body = Chat().writer({}, answer_id="ours", model="m", created=1).whole(read(stream), BILL)

    again = OpenAI().reader().whole(body)
    messages = [{"role": "user", "content": "hi"}, json.loads(body)["choices"][0]["message"]]
    turn = Chat().ask({"messages": messages}, max_tokens=1).turns[1]

    assert said(again) == said(read(stream))
    assert [(part.text, part.signature) for part in turn.parts if isinstance(part, Thinking)] == thoughts
    assert [
        (part.id, part.name, part.arguments) for part in turn.parts if isinstance(part, ToolUse)
    ] == called
