"""The Responses of the official OpenAI SDK for Python: what it sends is read, and what we write it understands."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from core.charging.calls import Ending
from core.errors import UpstreamFailed
from core.money import Nanos
from core.rules.prices import Cost, Usage
from proxy.conversation import (
    Began,
    BlockBegan,
    BlockEnded,
    Delta,
    Media,
    Shape,
    Signed,
    Stopped,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)
from proxy.formats.format import Bill
from proxy.formats.responses.call import ResponsesCall
from proxy.formats.responses.format import Responses

pytestmark = [pytest.mark.clients, pytest.mark.timeout(400)]

SPENT = Usage(input_tokens=12, output_tokens=7, cached_tokens=4, reasoning_tokens=3)
BILL = Bill(
    Ending("acme", SPENT, Cost(Nanos(1_000), Nanos(1_100)), status=200, reason="done"), charge_n=1_100
)
LOOK = [
    Began("up-1"),
    BlockBegan(0, "thinking"), Delta(0, "Where "), Delta(0, "to?"), Signed(0, "c2ln"), BlockEnded(0),
    BlockBegan(1, "text"), Delta(1, "I look "), Delta(1, "up."), BlockEnded(1),
    BlockBegan(2, "tool", tool_id="c1", tool_name="look"), Delta(2, '{"at":'), Signed(2, "cHI="), Delta(2, ' "sky"}'),
    BlockEnded(2), Stopped("tool_use", "tool_calls"),
]  # fmt: skip
NUMBER = [Began(), BlockBegan(0, "text"), Delta(0, '{"n": 4}'), BlockEnded(0), Stopped("end", "stop")]
REFUSAL = [Began(), BlockBegan(0, "refusal"), Delta(0, "I will not."), Stopped("filter", "content_filter")]
CUT = [Began(), BlockBegan(0, "text"), Delta(0, "Once upon")]
ANSWERS = {"acme/look": LOOK, "acme/number": NUMBER, "acme/refusal": REFUSAL, "acme/cut": CUT}

CONVERSATION = """
import json, sys
from openai import OpenAI

client = OpenAI(base_url=sys.argv[1], api_key="sk-bl-x", max_retries=0)
tools = [{"type": "function", "name": "look", "strict": False,
          "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}}]
picture = {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "low"}
said = [{"role": "user", "content": [{"type": "input_text", "text": "What is there?"}, picture]}]
with client.responses.stream(model="acme/look", input=said, tools=tools, instructions="Be brief.", store=False) as stream:
    pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
    response = stream.get_final_response()
call = response.output[2]
said += response.output
said += [{"type": "function_call_output", "call_id": call.call_id, "output": "birds"}]
again = client.responses.create(model="acme/look", input=said, tools=tools, include=["reasoning.encrypted_content"])
print(json.dumps({
    "pieces": pieces, "text": response.output_text, "thought": response.output[0].summary[0].text,
    "arguments": call.arguments, "id": response.id, "usage": response.usage.to_dict(), "again": again.output_text,
}))
"""

PARSED = """
import sys
from openai import OpenAI
from pydantic import BaseModel

class Number(BaseModel):
    n: int

client = OpenAI(base_url=sys.argv[1], api_key="sk-bl-x", max_retries=0)
whole = client.responses.parse(model="acme/number", input="Count.", text_format=Number, max_output_tokens=50)
with client.responses.stream(model="acme/number", input="Count.", text_format=Number) as stream:
    streamed = stream.get_final_response()
print(whole.output_parsed.n, streamed.output_parsed.n)
"""

FAILED = """
import sys
from openai import OpenAI

client = OpenAI(base_url=sys.argv[1], api_key="sk-bl-x", max_retries=0)
for event in client.responses.create(model="acme/cut", input="Tell me.", stream=True):
    if event.type == "error":
        print(event.type, event.code, event.message)
    if event.type == "response.failed":
        print(event.type, event.response.error.code, event.response.output_text, event.response.usage.total_tokens)
"""

VALIDATED = """
import json, sys
from openai import OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

events = TypeAdapter(ResponseStreamEvent)
client = OpenAI(base_url=sys.argv[1], api_key="sk-bl-x", max_retries=0)
kinds = set()
for model in ("acme/look", "acme/refusal", "acme/cut"):
    asked = dict(model=model, input="Hello", metadata={"case": "7"}, temperature=0.5)
    with client.responses.with_streaming_response.create(**asked, stream=True) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                data = json.loads(line.removeprefix("data: "))
                kinds.add(events.validate_python(data).type)
    if model != "acme/cut":
        Response.model_validate_json(client.responses.with_raw_response.create(**asked).text)
print(json.dumps(sorted(kinds)))
"""


@asynccontextmanager
async def serving():
    """A server that reads what it is sent and answers by its model. Gives its address, and what was asked of it."""
    asks = []

    async def answer(request):
        call = ResponsesCall.parse(await request.read())
        form = Responses()
        asks.append(form.ask(call.fields, max_tokens=100))
        writer = form.writer(call.fields, answer_id="0190-aa", model=call.model, created=1_700_000_000)
        events = ANSWERS[call.model]
        if not call.stream:
            return web.Response(body=writer.whole(events, BILL), content_type="application/json")
        written = b"".join([writer.event(event) for event in events])
        if call.model == "acme/cut":
            written += writer.failed(UpstreamFailed("It broke."), BILL, provider="acme")
        else:
            written += writer.end(BILL)
        return web.Response(body=written, content_type="text/event-stream")

    app = web.Application()
    app.router.add_post("/v1/responses", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/v1")), asks


async def finished(process):
    """What a script wrote, once it ended well."""
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 0, err
    return out


async def test_a_conversation_with_thoughts_and_tools_goes_there_and_back(openai_python, run_script):
    async with serving() as (url, asks):
        told = json.loads(await finished(run_script(openai_python, CONVERSATION, url)))

    assert told == {
        "pieces": ["I look ", "up."], "text": "I look up.", "thought": "Where to?", "arguments": '{"at": "sky"}',
        "id": "resp_0190aa", "again": "I look up.",
        "usage": {
            "input_tokens": 12, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
            "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 19,
            "cost": 0.0000011, "cost_details": {"upstream_inference_cost": 0.000001, "fee": 0.0000001},
        },
    }  # fmt: skip
    first, second = asks
    assert first.system == (Text("Be brief."),)
    picture = Media("image", data="QUJD", media_type="image/png", detail="low")
    assert first.turns[0].parts == (Text("What is there?"), picture)
    assert [turn.parts for turn in second.turns[1:]] == [
        (
            Thinking("Where to?", signature="c2ln"),
            Text("I look up."),
            ToolUse("c1", "look", '{"at": "sky"}', signature="cHI="),
        ),
        (ToolResult("c1", (Text("birds"),)),),
    ]


async def test_an_answer_in_the_shape_of_a_class_is_parsed_as_one(openai_python, run_script):
    async with serving() as (url, asks):
        out = await finished(run_script(openai_python, PARSED, url))

    assert out.split() == ["4", "4"]
    assert [(type(ask.shape), ask.shape.name, ask.shape.strict) for ask in asks] == [
        (Shape, "Number", True)
    ] * 2


async def test_a_stream_that_broke_is_told_with_what_it_came_to(openai_python, run_script):
    async with serving() as (url, _):
        out = await finished(run_script(openai_python, FAILED, url))

    assert out.splitlines() == [
        "error server_error It broke.",
        "response.failed server_error Once upon 19",
    ]


async def test_every_event_and_every_response_is_one_by_the_sdks_own_types(openai_python, run_script):
    async with serving() as (url, _):
        kinds = json.loads(await finished(run_script(openai_python, VALIDATED, url)))

    assert kinds == [
        "error", "response.completed", "response.content_part.added", "response.content_part.done", "response.created",
        "response.failed", "response.function_call_arguments.delta", "response.function_call_arguments.done",
        "response.in_progress", "response.incomplete", "response.output_item.added", "response.output_item.done",
        "response.output_text.delta", "response.output_text.done", "response.reasoning_summary_part.added",
        "response.reasoning_summary_part.done", "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done", "response.refusal.delta", "response.refusal.done",
    ]  # fmt: skip
