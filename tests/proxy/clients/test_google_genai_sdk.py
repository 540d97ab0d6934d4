"""The Gemini dialect, held against the types and the words of Google's own SDK for Python."""

import json
import re

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.rules.prices import Usage
from proxy.conversation import (
    Ask,
    BlockBegan,
    Delta,
    Inexpressible,
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
from proxy.providers.gemini.dialect import Gemini
from proxy.sse import EventSplitter

pytestmark = [pytest.mark.clients, pytest.mark.timeout(400)]

# Says of each line, a request body, what of it the SDK's types do not know, or take for something else.
JUDGE = """
import json, sys
from google.genai import types

SINGLE = {"systemInstruction": types.Content, "toolConfig": types.ToolConfig, "generationConfig": types.GenerationConfig}
MANY = {"contents": types.Content, "tools": types.Tool}

for line in sys.stdin:
    complaint = ""
    for name, value in json.loads(line).items():
        try:
            for one in value if name in MANY else [value]:
                (MANY.get(name) or SINGLE[name]).model_validate_json(json.dumps(one))
        except (KeyError, ValueError) as error:
            complaint += f"{name}: {error}"
    print(json.dumps(complaint), flush=True)
"""

# What the SDK itself sends for a call, and how it reads what it is answered.
SPEAKER = """
import base64, http.server, json, sys, threading
from google import genai
from google.genai import types

given = json.loads(sys.stdin.read())
seen = []

class Provider(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        seen.append({"path": self.path, "key": self.headers["x-goog-api-key"], "body": json.loads(body)})
        self.send_response(200)
        is_stream = "alt=sse" in self.path
        self.send_header("Content-Type", "text/event-stream" if is_stream else "application/json")
        self.end_headers()
        self.wfile.write((given["stream"] if is_stream else given["whole"]).encode())

    def log_message(self, *args):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = genai.Client(
    api_key="secret", vertexai=False,
    http_options=types.HttpOptions(base_url=f"http://127.0.0.1:{server.server_port}", api_version="v1beta"),
)
call = types.FunctionCall(id="a1", name="weather", args={"city": "Oslo"})
result = types.FunctionResponse(id="a1", name="weather", response={"output": "21"})
schema = {"type": "object", "properties": {"city": {"type": "string"}}}
ask = dict(
    model="gemini-3-pro-preview",
    contents=[
        types.Content(role="user", parts=[
            types.Part(text="How warm is it here?"),
            types.Part(inline_data=types.Blob(mime_type="image/png", data=b"hi")),
            types.Part(file_data=types.FileData(mime_type="application/pdf", file_uri="https://example.com/a.pdf")),
        ]),
        types.Content(role="model", parts=[
            types.Part(text="Hm.", thought=True), types.Part(function_call=call, thought_signature=b"sign"),
        ]),
        types.Content(role="user", parts=[types.Part(function_response=result)]),
    ],
    config=types.GenerateContentConfig(
        system_instruction=types.Content(parts=[types.Part(text="Be brief.")]),
        tools=[types.Tool(function_declarations=[
            types.FunctionDeclaration(name="weather", description="Tells it", parameters_json_schema=schema)
        ])],
        tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(
            mode="ANY", allowed_function_names=["weather"]
        )),
        max_output_tokens=500, temperature=0.5, top_p=0.9, top_k=40, stop_sequences=["END"], seed=7,
        presence_penalty=-0.25, frequency_penalty=0.25, media_resolution="MEDIA_RESOLUTION_LOW",
        response_mime_type="application/json", response_json_schema={"type": "object"},
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level="LOW"),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    ),
)

def read(answers):
    parts = [p for a in answers for c in a.candidates or () for p in (c.content and c.content.parts) or ()]
    last = [a.usage_metadata for a in answers if a.usage_metadata][-1]
    return {
        "text": "".join(p.text or "" for p in parts if not p.thought),
        "thoughts": "".join(p.text or "" for p in parts if p.thought),
        "calls": [[p.function_call.name, p.function_call.args] for p in parts if p.function_call],
        "signatures": [base64.b64encode(p.thought_signature).decode() for p in parts if p.thought_signature],
        "finish": [c.finish_reason.value for a in answers for c in a.candidates or () if c.finish_reason],
        "usage": [last.prompt_token_count, last.candidates_token_count, last.thoughts_token_count,
                  last.cached_content_token_count],
    }

plain = read([client.models.generate_content(**ask)])
streamed = read(list(client.models.generate_content_stream(**ask)))
print(json.dumps({"seen": seen, "plain": plain, "streamed": streamed}))
"""

WORDS = st.text(max_size=8)
IDS = st.sampled_from(["a", "b", "c"])
SIGNATURES = st.none() | st.sampled_from(["c2ln", "bGFzdA=="])
MEDIA = st.one_of(
    st.builds(Media, st.just("image"), data=st.just("aGk="), media_type=st.just("image/png"), detail=st.sampled_from([None, "auto", "low"])),
    st.builds(Media, st.just("file"), url=st.just("https://example.com/a.pdf"), name=WORDS),
    st.builds(Media, st.just("audio"), data=st.just("aGk="), media_type=st.just("audio/mpeg")),
)  # fmt: skip
OBJECTS = st.dictionaries(WORDS, st.none() | st.booleans() | st.integers() | WORDS, max_size=3)
USES = st.builds(ToolUse, IDS, st.sampled_from(["f", "g"]), OBJECTS.map(json.dumps), SIGNATURES)
RESULTS = st.builds(
    ToolResult, IDS, st.lists(st.builds(Text, WORDS) | MEDIA, max_size=2).map(tuple), st.booleans()
)
USERS = st.lists(st.builds(Text, WORDS, st.booleans()) | MEDIA | RESULTS, max_size=3)
MODELS = st.lists(st.builds(Text, WORDS) | USES | st.builds(Thinking, WORDS, SIGNATURES), max_size=3)
TURNS = st.lists(
    st.builds(Turn, st.just("user"), USERS.map(tuple)) | st.builds(Turn, st.just("assistant"), MODELS.map(tuple)),
    min_size=1, max_size=4,
)  # fmt: skip
SCHEMAS = st.sampled_from(
    [msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"string"}}}'), msgspec.Raw(b"{}")]
)
PLACES = st.none() | st.floats(0, 1)
ASKS = st.builds(
    Ask,
    system=st.lists(st.builds(Text, WORDS), max_size=2).map(tuple),
    turns=TURNS.map(tuple),
    tools=st.lists(st.builds(Tool, st.sampled_from(["f", "g"]), st.none() | WORDS, st.none() | SCHEMAS, st.none() | st.booleans()), max_size=2).map(tuple),
    tool_choice=st.none() | st.builds(ToolChoice, st.sampled_from(["auto", "none", "any"])) | st.just(ToolChoice("one", "f")),
    parallel_tools=st.sampled_from([None, True]),
    shape=st.none() | st.builds(Shape, st.none() | SCHEMAS, WORDS, st.none() | WORDS, st.none() | st.booleans()),
    max_tokens=st.integers(1, 10_000_000),
    temperature=PLACES,
    top_p=PLACES,
    top_k=st.none() | st.integers(1, 100),
    frequency_penalty=PLACES,
    presence_penalty=PLACES,
    seed=st.none() | st.integers(-(2**31), 2**31 - 1),
    stop=st.lists(WORDS, max_size=6).map(tuple),
    reasoning=st.none() | st.builds(Reasoning, effort=st.none() | st.sampled_from(["minimal", "low", "medium", "high"])) | st.builds(Reasoning, tokens=st.integers(1, 30_000)) | st.just(Reasoning(is_off=True)),
    user=st.none() | WORDS,
)  # fmt: skip
CHUNKS = [
    {"candidates": [{"content": {"parts": [{"text": "Let me see.", "thought": True}], "role": "model"}, "index": 0}], "usageMetadata": {"promptTokenCount": 30, "cachedContentTokenCount": 8, "thoughtsTokenCount": 5, "totalTokenCount": 35}, "modelVersion": "m", "responseId": "r1"},
    {"candidates": [{"content": {"parts": [{"text": "It is "}, {"text": "21.", "thoughtSignature": "c2ln"}], "role": "model"}, "index": 0}], "usageMetadata": {"promptTokenCount": 30, "cachedContentTokenCount": 8, "candidatesTokenCount": 4, "thoughtsTokenCount": 5, "totalTokenCount": 39}, "modelVersion": "m", "responseId": "r1"},
    {"candidates": [{"content": {"parts": [{"functionCall": {"name": "weather", "args": {"city": "Oslo"}}, "thoughtSignature": "bGFzdA=="}], "role": "model"}, "finishReason": "STOP", "index": 0}], "usageMetadata": {"promptTokenCount": 30, "cachedContentTokenCount": 8, "candidatesTokenCount": 11, "thoughtsTokenCount": 5, "totalTokenCount": 46}, "modelVersion": "m", "responseId": "r1"},
]  # fmt: skip
STREAM = "".join(f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in CHUNKS)
PARTS = [part for chunk in CHUNKS for part in chunk["candidates"][0]["content"]["parts"]]
WHOLE = {
    **CHUNKS[-1],
    "candidates": [{**CHUNKS[-1]["candidates"][0], "content": {"parts": PARTS, "role": "model"}}],
}


@pytest.fixture
def judge(google_genai_python, run_script):
    process = run_script(google_genai_python, JUDGE)

    def complaint(body):
        process.stdin.write(body.decode() + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline() or process.communicate()[1])

    yield complaint
    process.communicate(timeout=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(ask=ASKS, model=st.sampled_from(["gemini-2.5-pro", "gemini-3-pro-preview"]))
def test_every_body_is_one_of_the_sdks_types(judge, ask, model):
    try:
        body = Gemini().request_body(ask, model=model, stream=True)
    except Inexpressible:
        return

    assert judge(body) == ""


@pytest.mark.parametrize(
    "wrong", [b'{"contents":[{"part":[]}]}', b'{"x":1}', b'{"contents":[{"parts":[{"text":1}]}]}']
)
def test_the_judge_knows_what_is_wrong(judge, wrong):
    assert judge(wrong) != ""


@pytest.fixture
def sdk(google_genai_python, run_script):
    """What the SDK sent, and read of the answers above."""
    process = run_script(google_genai_python, SPEAKER)
    out, err = process.communicate(json.dumps({"stream": STREAM, "whole": json.dumps(WHOLE)}), timeout=60)
    assert process.returncode == 0, err
    return json.loads(out)


def camel(value):
    """The SDK writes some names in the API's other spelling of them: mime_type for mimeType."""
    if isinstance(value, list):
        return [camel(inner) for inner in value]
    if isinstance(value, dict):
        return {
            re.sub("_([a-z])", lambda m: m[1].upper(), name): camel(inner) for name, inner in value.items()
        }
    return value


def test_the_sdk_sends_the_same_bodies_to_the_same_places(sdk):
    schema = msgspec.Raw(b'{"type":"object","properties":{"city":{"type":"string"}}}')
    here = (
        Text("How warm is it here?"),
        Media("image", data="aGk=", media_type="image/png", detail="low"),
        Media("file", url="https://example.com/a.pdf", detail="low"),
    )
    ask = Ask(
        system=(Text("Be brief."),),
        turns=(
            Turn("user", here),
            Turn("assistant", (Thinking("Hm."), ToolUse("a1", "weather", '{"city":"Oslo"}', signature="c2lnbg=="))),
            Turn("user", (ToolResult("a1", (Text("21"),)),)),
        ),
        tools=(Tool("weather", "Tells it", schema),),
        tool_choice=ToolChoice("one", "weather"),
        shape=Shape(msgspec.Raw(b'{"type":"object"}')),
        max_tokens=500, temperature=0.5, top_p=0.9, top_k=40, stop=("END",), seed=7,
        presence_penalty=-0.25, frequency_penalty=0.25, reasoning=Reasoning(effort="low"),
    )  # fmt: skip
    dialect, model = Gemini(), "gemini-3-pro-preview"

    ours = [
        {
            "path": "/v1beta" + dialect.path(model, stream=stream),
            "key": dialect.headers("secret")["x-goog-api-key"],
            "body": json.loads(dialect.request_body(ask, model=model, stream=stream)),
        }
        for stream in (False, True)
    ]

    assert camel(sdk["seen"]) == ours


def ours(events):
    """What our events tell, in the words the SDK's answers are told in."""
    kinds = {event.block: event for event in events if isinstance(event, BlockBegan)}

    def said(kind):
        return [
            event.text for event in events if isinstance(event, Delta) and kinds[event.block].kind == kind
        ]

    names = [event.tool_name for event in kinds.values() if event.kind == "tool"]
    return {
        "text": "".join(said("text")),
        "thoughts": "".join(said("thinking")),
        "calls": [[name, json.loads(text)] for name, text in zip(names, said("tool"), strict=True)],
        "signatures": [event.signature for event in events if isinstance(event, Signed)],
        "finish": [event.native for event in events if isinstance(event, Stopped)],
    }


@pytest.mark.parametrize("kind", ["plain", "streamed"])
def test_the_sdk_reads_the_same_of_an_answer(sdk, kind):
    reader = Gemini().reader()

    if kind == "plain":
        events = reader.whole(json.dumps(WHOLE).encode())
    else:
        events = [event for data in EventSplitter().feed(STREAM.encode()) for event in reader.event(data)]

    told = sdk[kind]
    prompt, answer, thoughts, cached = told.pop("usage")
    assert ours(events) == told
    assert [event.usage for event in events if isinstance(event, Told)][-1] == Usage(
        input_tokens=prompt, output_tokens=answer + thoughts, cached_tokens=cached, reasoning_tokens=thoughts
    )
