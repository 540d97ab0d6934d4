"""What we write in OpenAI's format, held against the types of its official SDK."""

import contextlib
import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from proxy.conversation import Inexpressible
from proxy.formats.chat import Chat
from proxy.providers.openai import OpenAI
from proxy.sse import DONE, EventSplitter
from tests.proxy.clients.test_openai_sdk import finished
from tests.proxy.formats.chat.test_round_trips import answers, read, requests
from tests.proxy.formats.chat.test_writer import BILL

pytestmark = [pytest.mark.clients, pytest.mark.timeout(400)]

ANSWERS = """
import json, sys
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

SAID = ("role", "content", "refusal", "reasoning_content", "reasoning_details", "tool_calls")
told = []
for chunks, whole in json.load(open(sys.argv[1])):
    state = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    snapshot = state.current_completion_snapshot.to_dict()
    answer = ChatCompletion.model_validate(whole)
    message = snapshot["choices"][0]["message"]
    told.append([{name: message[name] for name in SAID if message.get(name)}, snapshot["usage"]["cost"],
                 answer.usage.cost])
print(json.dumps(told))
"""

# An Iterable is checked only when it is read; a list at once, and whole.
REQUESTS = """
import json, sys, typing
typing.Iterable = typing.List
from openai.types.chat import completion_create_params as params
from pydantic import TypeAdapter

plain = TypeAdapter(params.CompletionCreateParamsNonStreaming)
streaming = TypeAdapter(params.CompletionCreateParamsStreaming)
for body in json.load(open(sys.argv[1])):
    adapter = streaming if body.get("stream") else plain
    understood = json.loads(adapter.dump_json(adapter.validate_python(body)))
    assert understood == body, (understood, body)
print("all")
"""


def generated(strategy, count):
    """Examples of a strategy, for a process that cannot make them itself."""
    found = []

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example):
        found.append(example)

    collect()
    return found


def file_of(tmp_path, value):
    path = tmp_path / "examples.json"
    path.write_text(json.dumps(value))
    return str(path)


def plain(message):
    """A message without what the SDK adds to it: the places of calls, and their arguments as objects."""
    said = {name: value for name, value in message.items() if value}
    for call in said.get("tool_calls", ()):
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    return said


async def test_chunks_are_what_the_sdk_puts_together_to_the_whole_answer(openai_python, run_script, tmp_path):
    examples = []
    for stream, *_ in generated(answers(), 100):
        events = read(stream)
        writer, whole = (Chat().writer({}, answer_id="ours", model="a/b", created=7) for _ in range(2))
        written = b"".join(writer.event(event) for event in events) + writer.end(BILL)
        chunks = [json.loads(data) for data in EventSplitter().feed(written) if data != DONE]
        examples.append([chunks, json.loads(whole.whole(events, BILL))])

    out = await finished(run_script(openai_python, ANSWERS, file_of(tmp_path, examples)))

    for (message, *costs), (_, whole) in zip(json.loads(out), examples, strict=True):
        assert plain(message) == plain(whole["choices"][0]["message"])
        assert costs == [0.0000011, 0.0000011]


async def test_calls_say_nothing_to_a_strict_provider_that_the_sdk_does_not_know(
    openai_python, run_script, tmp_path
):
    dialect = OpenAI(limit="max_completion_tokens", strict=True)
    bodies = []
    for number, request in enumerate(generated(requests(), 200)):
        ask = Chat().ask(request, max_tokens=5)
        with contextlib.suppress(Inexpressible):
            bodies.append(json.loads(dialect.request_body(ask, model="m", stream=number % 2 == 0)))

    out = await finished(run_script(openai_python, REQUESTS, file_of(tmp_path, bodies)))

    assert (out.strip(), len(bodies) > 20) == ("all", True)
