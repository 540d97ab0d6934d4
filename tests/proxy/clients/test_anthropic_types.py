"""What is written to Anthropic and read from it, held against the official SDK's own types and its own reading."""

import asyncio
import json
from functools import partial

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from proxy.conversation import (
    Ask,
    BlockBegan,
    Delta,
    Media,
    Reasoning,
    Shape,
    Signed,
    Stopped,
    Text,
    Thinking,
    Told,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)
from proxy.providers.anthropic import Anthropic

pytestmark = [pytest.mark.clients, pytest.mark.timeout(400)]

MANY = 150
SAMPLING = ("temperature", "top_p", "top_k")  # older models take them; the newest types know them no more

VALIDATE = """
import json, sys
from pydantic import TypeAdapter
from anthropic.types import RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming

def known(value):  # what is iterable is validated while it is iterated
    if isinstance(value, dict):
        return {name: known(inner) for name, inner in value.items()}
    if value is None or isinstance(value, (str, int, float)):
        return value
    return [known(inner) for inner in value]

plain, streamed = TypeAdapter(MessageCreateParamsNonStreaming), TypeAdapter(MessageCreateParamsStreaming)
bodies = [json.loads(line) for line in open(sys.argv[1])]
for body in bodies:
    print(json.dumps(known((streamed if "stream" in body else plain).validate_python(body))))
"""

READ = """
import json, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from anthropic import Anthropic
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

answers = [json.loads(line) for line in open(sys.argv[1])]

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        events, whole = answers[int(asked["model"])]
        if asked.get("stream"):
            kind, body = "text/event-stream", "".join(f"event: {e['type']}\\ndata: {json.dumps(e)}\\n\\n" for e in events)
        else:
            kind, body = "application/json", json.dumps(whole)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = Anthropic(base_url=f"http://127.0.0.1:{server.server_port}", api_key="k", max_retries=0)
event_type = TypeAdapter(RawMessageStreamEvent)
for number, (events, whole) in enumerate(answers):
    for event in events:
        event_type.validate_python(event)
    Message.model_validate(whole)
    ask = dict(model=str(number), max_tokens=9, messages=[{"role": "user", "content": "-"}])
    with client.messages.stream(**ask) as stream:
        streamed = stream.get_final_message()
    print(json.dumps([streamed.to_dict(), client.messages.create(**ask).to_dict()]))
"""


async def told(run_script, python, script, path, lines):
    """What a script says of each of the lines it is given."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    process = run_script(python, script, str(path))
    out, err = await asyncio.to_thread(process.communicate, timeout=120)
    assert process.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


def many(strategy):
    """The same examples each time: one process looks at all of them."""
    made = []

    @settings(max_examples=MANY, database=None, derandomize=True, phases=[Phase.generate], deadline=None)
    @given(strategy)
    def keep(example):
        made.append(example)

    keep()
    return made


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
ids = st.text("abc_123", min_size=1, max_size=8)
maybe = partial(st.one_of, st.none())
flags = st.booleans()
json_objects = st.dictionaries(words, st.integers(-9, 9) | words | st.lists(flags), max_size=3)
base64s = st.binary(min_size=1, max_size=9).map(lambda data: msgspec.json.encode(data).decode().strip('"'))
schemas = st.fixed_dictionaries({"type": st.just("object"), "properties": json_objects}).map(
    lambda schema: msgspec.Raw(json.dumps(schema).encode())
)
texts = st.builds(Text, words, flags)
image_types = st.sampled_from(["image/jpeg", "image/png", "image/gif", "image/webp"])
media = st.one_of(
    st.builds(Media, st.just("image"), url=st.just("https://example.com/a.png"), cache=flags),
    st.builds(Media, st.just("image"), data=base64s, media_type=image_types, cache=flags),
    st.builds(Media, st.just("file"), url=st.just("https://example.com/a.pdf"), name=maybe(words)),
    st.builds(Media, st.just("file"), data=base64s, media_type=st.just("application/pdf"), name=maybe(words)),
    st.builds(Media, st.just("file"), data=st.just("YQ=="), media_type=st.just("text/plain"), cache=flags),
)
results = st.builds(ToolResult, ids, st.lists(texts | media, max_size=3).map(tuple), flags, flags)
calls = st.builds(ToolUse, ids, ids, json_objects.map(json.dumps), cache=flags)
thoughts = st.builds(Thinking, words, words) | st.builds(Thinking, redacted=words)
parts_of_user = st.lists(texts | media | results, min_size=1, max_size=4).map(tuple)
parts_of_assistant = st.lists(thoughts | texts | calls, min_size=1, max_size=4).map(tuple)
turns = st.builds(Turn, st.just("user"), parts_of_user) | st.builds(
    Turn, st.just("assistant"), parts_of_assistant
)
choices = st.builds(ToolChoice, st.sampled_from(["auto", "none", "any"])) | st.builds(
    ToolChoice, st.just("one"), ids
)
asks = st.builds(
    Ask,
    system=st.lists(texts, max_size=2).map(tuple),
    turns=st.lists(turns, min_size=1, max_size=4).map(tuple),
    tools=st.lists(st.builds(Tool, ids, maybe(words), maybe(schemas), maybe(flags), flags), max_size=2).map(
        tuple
    ),
    tool_choice=maybe(choices),
    parallel_tools=maybe(flags),
    shape=maybe(st.builds(Shape, schemas, maybe(words))),
    max_tokens=st.integers(2_000, 9_000),
    temperature=maybe(st.floats(0, 1)),
    top_p=maybe(st.floats(0, 1)),
    top_k=maybe(st.integers(1, 99)),
    stop=st.lists(words, max_size=2).map(tuple),
    reasoning=maybe(
        st.builds(Reasoning, st.sampled_from(["minimal", "low", "medium", "high", "xhigh"]))
        | st.builds(Reasoning, tokens=st.integers(1_024, 1_999))
        | st.just(Reasoning(is_off=True))
    ),
    user=maybe(words),
)
models = st.sampled_from(["claude-sonnet-5", "claude-haiku-4-5"])


async def test_every_body_is_what_the_sdks_types_know(anthropic_python, run_script, tmp_path):
    bodies = [
        json.loads(Anthropic().request_body(ask, model=model, stream=stream))
        for ask, model, stream in many(st.tuples(asks, models, flags))
    ]

    known = await told(run_script, anthropic_python, VALIDATE, tmp_path / "bodies", bodies)

    assert len(known) >= MANY // 2
    for body, recognised in zip(bodies, known, strict=True):
        assert recognised == {name: value for name, value in body.items() if name not in SAMPLING}


pieces = st.lists(words, min_size=1, max_size=3)
blocks = st.one_of(
    st.tuples(st.just("text"), pieces),
    st.tuples(st.just("thinking"), pieces),
    st.tuples(st.just("redacted_thinking"), pieces),
    st.tuples(st.just("tool_use"), json_objects.map(json.dumps).map(lambda text: [text[:3], text[3:]])),
)
counts = st.integers(0, 5_000)
usages = st.fixed_dictionaries(
    {"input_tokens": counts, "output_tokens": counts},
    optional={"cache_read_input_tokens": maybe(counts), "cache_creation_input_tokens": maybe(counts)},
)
reasons = st.sampled_from(
    [
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "refusal",
        "model_context_window_exceeded",
    ]
)


def made(index, kind, parts):
    """A block as it begins, as it grows and as it is whole."""
    text = "".join(parts)
    if kind == "text":
        empty, whole = {"text": ""}, {"text": text}
        growth = [{"type": "text_delta", "text": part} for part in parts]
    elif kind == "thinking":
        empty, whole = {"thinking": "", "signature": ""}, {"thinking": text, "signature": "sig"}
        growth = [{"type": "thinking_delta", "thinking": part} for part in parts]
        growth.append({"type": "signature_delta", "signature": "sig"})
    elif kind == "redacted_thinking":
        empty, whole, growth = {"data": text}, {"data": text}, []
    else:
        named = {"id": f"toolu_{index}", "name": "f"}
        empty, whole = {**named, "input": {}}, {**named, "input": json.loads(text)}
        growth = [{"type": "input_json_delta", "partial_json": part} for part in parts]
    return {"type": kind, **empty}, growth, {"type": kind, **whole}


def answer(content, usage, later, reason):
    """An answer as the events of a stream, and whole."""
    base = {"type": "message", "id": "msg_1", "role": "assistant", "model": "m", "stop_sequence": None}
    started = {**base, "content": [], "stop_reason": None, "usage": usage}
    events, whole = [{"type": "message_start", "message": started}], []
    for index, (kind, parts) in enumerate(content):
        begun, growth, block = made(index, kind, parts)
        events.append({"type": "content_block_start", "index": index, "content_block": begun})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in growth]
        events.append({"type": "content_block_stop", "index": index})
        whole.append(block)
    ended = {"stop_reason": reason, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": ended, "usage": later})
    events.append({"type": "message_stop"})
    total = {**usage, **{name: count for name, count in later.items() if count is not None}}
    return events, {**base, "content": whole, "stop_reason": reason, "usage": total}


def ours(events):
    """What our events say, as the SDK says it."""
    content, reason, usage = {}, None, None
    for one in events:
        if isinstance(one, BlockBegan):
            content[one.block] = {
                "kind": one.kind,
                "id": one.tool_id,
                "name": one.tool_name,
                "text": "",
                "signed": "",
            }
        elif isinstance(one, Delta):
            content[one.block]["text"] += one.text
        elif isinstance(one, Signed):
            content[one.block]["signed"] = one.signature
        elif isinstance(one, Stopped):
            reason = one.native
        elif isinstance(one, Told):
            usage = one.usage
    for block in content.values():
        if block["kind"] == "tool":
            block["text"] = json.loads(block["text"])
    into = (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens)
    return list(content.values()), reason, (*into, usage.output_tokens)


def theirs(message):
    content = [
        {
            "kind": {"tool_use": "tool", "redacted_thinking": "thinking"}.get(block["type"], block["type"]),
            "id": block.get("id", ""),
            "name": block.get("name", ""),
            "text": block.get("text") or block.get("thinking") or block.get("input", ""),
            "signed": block.get("signature") or block.get("data") or "",
        }
        for block in message["content"]
    ]
    usage = message["usage"]
    cached, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    total = usage["input_tokens"] + cached + written
    return content, message["stop_reason"], (total, cached, written, usage["output_tokens"])


async def test_every_answer_is_read_as_the_sdk_reads_it(anthropic_python, run_script, tmp_path):
    answers = [
        answer(*drawn) for drawn in many(st.tuples(st.lists(blocks, max_size=4), usages, usages, reasons))
    ]

    read = await told(run_script, anthropic_python, READ, tmp_path / "answers", answers)

    assert len(read) >= MANY // 2
    for (events, whole), (streamed, plain) in zip(answers, read, strict=True):
        reader = Anthropic().reader()
        assert ours([one for event in events for one in reader.event(json.dumps(event).encode())]) == theirs(
            streamed
        )
        assert ours(Anthropic().reader().whole(json.dumps(whole).encode())) == theirs(plain)
