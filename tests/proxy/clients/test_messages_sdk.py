"""Answers in the Messages format, read by the official Anthropic SDK: whole, and put together from a stream."""

import asyncio
import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import Phase, given, settings

from core.errors import Forbidden, KeyLimitReached, OurFault, Unauthenticated, UpstreamFailed
from proxy.conversation import Began, BlockBegan, Delta, Signed, Stopped
from proxy.formats.messages.call import MessagesCall
from proxy.formats.messages.errors import error_body
from proxy.formats.messages.format import Messages
from proxy.formats.messages.request import read_ask
from tests.proxy.formats.messages.answers import BILL, CONTENT, FULL, interleaved

pytestmark = [pytest.mark.clients, pytest.mark.timeout(400)]

MANY = 100

READ = """
import json, sys
import anthropic

ASK = dict(model="acme/tiny", max_tokens=20, messages=[{"role": "user", "content": "hi"}])
for number in range(int(sys.argv[2])):
    client = anthropic.Anthropic(base_url=f"{sys.argv[1]}/{number}", api_key="sk-bl-x", max_retries=0)
    whole = client.messages.create(**ASK)
    with client.messages.stream(**ASK) as stream:
        texts = [event.text for event in stream if event.type == "text"]
        streamed = stream.get_final_message()
    print(json.dumps({
        "whole": whole.to_dict(exclude_none=True), "streamed": streamed.to_dict(exclude_none=True), "texts": texts,
        "kinds": [type(block).__name__ for block in whole.content],
    }))
"""

AGAIN = """
import json, sys
import anthropic

client = anthropic.Anthropic(base_url=sys.argv[1] + "/0", api_key="sk-bl-x", max_retries=0)
ask = dict(model="acme/tiny", max_tokens=20, messages=[{"role": "user", "content": "hi"}])
with client.messages.stream(**ask) as stream:
    message = stream.get_final_message()
results = [
    {"type": "tool_result", "tool_use_id": block.id, "content": "ok"}
    for block in message.content if block.type == "tool_use"
]
client.messages.create(**{**ask, "messages": [
    *ask["messages"], {"role": "assistant", "content": message.content}, {"role": "user", "content": results},
]})
"""

FAIL = """
import json, sys
import anthropic

for number in range(int(sys.argv[2])):
    client = anthropic.Anthropic(base_url=f"{sys.argv[1]}/{number}", api_key="sk-bl-x", max_retries=0)
    try:
        with client.messages.stream(model="acme/tiny", max_tokens=20, messages=[{"role": "user", "content": "hi"}]) as s:
            s.until_done()
    except anthropic.APIStatusError as error:
        print(json.dumps([type(error).__name__, error.status_code, error.body]))
"""


def writer():
    return Messages().writer({}, answer_id="msg_1", model="acme/tiny", created=0)


def streamed(events):
    made = writer()
    return b"".join(map(made.event, events)) + made.end(BILL)


class Answers:
    """A server of written answers: each has its number as its address. It keeps what it was asked."""

    def __init__(self):
        self.given = []
        self.asked = []

    async def answer(self, request):
        body = await request.read()
        self.asked.append(body)
        plain, stream, status = self.given[int(request.match_info["number"])]
        if json.loads(body).get("stream") and stream is not None:
            return web.Response(body=stream, headers={"Content-Type": "text/event-stream"})
        return web.Response(body=plain, status=status, headers={"Content-Type": "application/json"})


@pytest.fixture
async def answers():
    made = Answers()
    app = web.Application()
    app.router.add_post("/{number}/v1/messages", made.answer)
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


async def run(process):
    out, err = await asyncio.to_thread(process.communicate, timeout=120)
    assert process.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


def generated():
    """Answers whose events come in many orders."""
    made = []

    @settings(max_examples=MANY, deadline=None, database=None, phases=[Phase.generate])
    @given(interleaved())
    def collect(events):
        made.append([Began(), *events, Stopped("end", "stop")])

    collect()
    return made


async def test_both_kinds_of_answer_are_read_and_are_the_same(anthropic_python, run_script, answers):
    all_events = [FULL, *generated()]
    answers.given = [(writer().whole(events, BILL), streamed(events), 200) for events in all_events]

    told = await run(run_script(anthropic_python, READ, answers.url, str(len(all_events))))

    assert len(told) > MANY // 2
    for one in told:
        usage, last = one["whole"].pop("usage"), one["streamed"].pop("usage")
        assert one["streamed"] == one["whole"]
        assert last["output_tokens"] == usage["output_tokens"] == 20
        assert last["input_tokens"] == usage["input_tokens"] == 45
        assert last["cache_read_input_tokens"] == 30
        assert last["cache_creation_input_tokens"] == 25
        assert usage["cost"] == 1.100000002
    assert told[0]["whole"]["content"] == CONTENT
    assert told[0]["kinds"] == [
        "ThinkingBlock", "RedactedThinkingBlock", "TextBlock", "ToolUseBlock", "ToolUseBlock",
    ]  # fmt: skip
    assert told[0]["whole"]["stop_reason"] == "tool_use"
    assert told[0]["texts"] == ["I will ", "look.\n"]


async def test_what_the_sdk_says_again_is_read_with_all_signatures(anthropic_python, run_script, answers):
    call = BlockBegan(1, "tool", tool_id="t1", tool_name="look")
    events = [
        Began(), BlockBegan(0, "thinking"), Delta(0, "Hm."), Signed(0, "sig"), call, Delta(1, "{}"),
        Signed(1, "call-sig"), Stopped("tool_use", "tool_calls"),
    ]  # fmt: skip
    answers.given = [(writer().whole(events, BILL), streamed(events), 200)]

    await run(run_script(anthropic_python, AGAIN, answers.url))

    first, second = [read_ask(MessagesCall.parse(body).fields, max_tokens=5) for body in answers.asked]
    assert len(first.turns) == 1
    thought, use = second.turns[1].parts
    assert (thought.text, thought.signature) == ("Hm.", "sig")
    assert (use.id, use.name, use.arguments, use.signature) == ("t1", "look", "{}", "call-sig")
    assert second.turns[2].parts[0].tool_use_id == "t1"


async def test_errors_before_and_in_a_stream_are_the_sdks_own(anthropic_python, run_script, answers):
    broke = UpstreamFailed("It broke.", metadata={"reason": "the answer stalled"})
    begun = writer()
    cut = begun.event(Began()) + begun.failed(broke, BILL, provider="acme")
    refusals = [
        Unauthenticated(), KeyLimitReached(), Forbidden("Not for you.", code="model_not_allowed"),
        OurFault(request_id="r-1"),
    ]  # fmt: skip
    bodies = [(error_body(refused, request_id="r-1"), refused.status) for refused in refusals]
    answers.given = [
        (b"", cut, 200), *[(json.dumps(body).encode(), None, status) for body, status in bodies],
    ]  # fmt: skip

    told = await run(run_script(anthropic_python, FAIL, answers.url, str(len(answers.given))))

    assert [one[:2] for one in told[1:]] == [
        ["AuthenticationError", 401],
        ["PaymentRequiredError", 402],
        ["PermissionDeniedError", 403],
        ["InternalServerError", 500],
    ]
    assert [one[2] for one in told[1:]] == [body for body, _ in bodies]
    assert told[0][2]["error"]["type"] == "api_error"
    assert told[0][2]["error"]["metadata"] == {"provider_name": "acme", "raw": "the answer stalled"}
