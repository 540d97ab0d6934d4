"""Older completions over HTTP: passed through for models of that mode, converted for chat models."""

import json
from decimal import Decimal

import pytest

from proxy.passages.completions import CompletionsPassage
from tests.proxy.own_provider import stream_of
from tests.proxy.passages.bills import a_call, a_meter

PRICES = {"input": "1", "output": "10"}
BASES = {"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta"}
PATHS = ("/api/v1/completions", "/v1/completions")


@pytest.fixture
async def complete(make, simulator, start_relay, caller):
    """Have a text go on, by a model for completions unless it is another kind's or mode's."""
    for kind, base in BASES.items():
        make.provider(kind, kind=kind, base_url=simulator.url + base)
    relay = await start_relay()

    async def call(
        prompt="Once upon", *, directives="", kind="openai", mode="completion", path=PATHS[0], **fields
    ):
        upstream = f"tiny+{directives}".rstrip("+")
        make.offer("acme/old", provider=kind, upstream_model=upstream, prices=PRICES, mode=mode)
        await relay.deps.catalog.refresh()
        body = {"model": "acme/old", "prompt": prompt, **fields}
        async with relay.post(caller.secret, body, path=path) as response:
            return response, await response.text()

    return call


def events(text):
    data = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]
    assert data[-1] == "[DONE]"
    return [json.loads(piece, parse_float=Decimal) for piece in data[:-1]]


def text_of(told):
    return "".join(choice["text"] for event in told for choice in event["choices"])


def read(text):
    return json.loads(text, parse_float=Decimal)


@pytest.mark.parametrize("path", PATHS)
async def test_a_text_goes_on_whole_and_streamed_and_both_are_charged_exactly(complete, books, path):
    response, whole = await complete(directives="tokens=12", path=path)
    _, streamed = await complete(directives="tokens=12", path=path, stream=True)

    answer, told = read(whole), events(streamed)
    assert response.status == 200, whole
    assert response.headers["X-Provider"] == "openai"
    assert answer["object"] == "text_completion"
    assert text_of(told) == answer["choices"][0]["text"] != ""
    last = told[-1]
    assert (last["object"], last["choices"]) == ("text_completion", [])
    # 3 tokens at 1,000 nano-dollars and 12 at 10,000, and 10 % fee.
    assert last["usage"]["cost"] == answer["usage"]["cost"] == Decimal("0.0001353")
    assert answer["usage"].items() >= {"prompt_tokens": 3, "completion_tokens": 12}.items()
    assert books.charges() == [135_300, 135_300]


async def test_an_answer_has_16_tokens_unless_more_are_asked_for(complete, simulator, books):
    _, short = await complete(directives="tokens=40")
    _, long = await complete(directives="tokens=40", max_tokens=30)

    assert read(short)["usage"]["completion_tokens"] == 16
    assert read(long)["usage"]["completion_tokens"] == 30
    assert read(long)["choices"][0]["finish_reason"] == "length"


async def test_several_prompts_have_several_answers_each(complete, books):
    response, text = await complete(["Once", "Twice", [1, 2, 3]], directives="tokens=5", n=2, max_tokens=5)

    answer = read(text)
    assert response.status == 200, text
    assert [choice["index"] for choice in answer["choices"]] == list(range(6))
    # 1, 2 and 3 tokens at 1,000 nano-dollars and 6 times 5 at 10,000, and 10 % fee.
    assert books.charges() == [336_600]


async def test_a_long_prompt_that_is_repeated_is_no_output(complete, books):
    prompt = "word " * 2000

    _, whole = await complete(prompt, directives="tokens=5", echo=True)
    _, streamed = await complete(prompt, directives="tokens=5", echo=True, stream=True)

    answer, told = read(whole), events(streamed)
    assert text_of([answer]).startswith(prompt)
    assert text_of(told) == text_of([answer])
    # 2,500 tokens at 1,000 nano-dollars and 5 at 10,000, and 10 % fee.
    assert books.charges() == [2_805_000, 2_805_000]
    assert [(event.status, event.disputed) for event in books.events()] == [(200, False)] * 2


def test_what_is_repeated_is_left_out_of_what_is_counted():
    meter = a_meter()
    passage = CompletionsPassage(meter, a_call(), echoed_bytes=10)

    passage.take(b'data: {"choices": [{"index": 0, "text": "Once upon"}]}\n\n')
    passage.take(b'data: {"choices": [{"index": 0, "text": " a time"}]}\n\n')

    assert meter.produced_bytes == len("Once upon a time") - 10


async def test_a_cut_stream_is_charged_for_what_came_and_says_so(complete, books):
    _, text = await complete(directives="tokens=16+cut=8", stream=True)

    last = events(text)[-1]
    [choice] = last["choices"]
    assert (last["object"], choice["text"], choice["finish_reason"]) == ("text_completion", "", "error")
    assert choice["error"]["metadata"]["provider_name"] == "openai"
    assert "delta" not in choice
    assert last["usage"]["cost"] > 0
    [event] = books.events()
    assert (event.status, event.reason, event.estimated) == (502, "upstream_cut", True)
    assert books.charges() == [int(last["usage"]["cost"] * 10**9)]


async def test_fields_nobody_here_knows_pass_to_a_model_for_completions(make, provider, start_relay, caller):
    make.offer("own/old", provider="own", mode="completion")
    relay = await start_relay()
    provider.answer = stream_of(
        b'data: {"choices": [{"text": "Hi", "index": 0, "finish_reason": "stop"}]}\n\n'
    )
    body = {"model": "own/old", "prompt": "a", "suffix": "c", "logprobs": 2, "odd": [1.0], "stream": True}

    async with relay.post(caller.secret, {**body, "provider": {"only": ["own"]}}, path=PATHS[0]) as response:
        text = await response.text()

    assert text_of(events(text)) == "Hi"
    sent = json.loads(provider.received[0][1])
    assert sent == {
        **body, "model": "tiny", "max_tokens": 16, "stream_options": {"include_usage": True}
    }  # fmt: skip


@pytest.mark.parametrize("kind", BASES)
async def test_a_chat_model_answers_the_prompt(complete, books, kind):
    response, whole = await complete(
        directives="tokens=12", kind=kind, mode="chat", stop=["zzz"], temperature=0.5
    )
    _, streamed = await complete(["Once upon"], directives="tokens=12", kind=kind, mode="chat", stream=True)

    answer, told = read(whole), events(streamed)
    assert response.status == 200, whole
    assert (answer["object"], answer["model"]) == ("text_completion", "acme/old")
    [choice] = answer["choices"]
    assert (choice["index"], choice["finish_reason"], choice["logprobs"]) == (0, "stop", None)
    assert {event["object"] for event in told} == {"text_completion"}
    assert len(text_of(told).split()) == len(choice["text"].split()) == 12
    # 3 tokens, 4 of a message and 2, at 1,000 nano-dollars, and 12 at 10,000, and 10 % fee.
    assert answer["usage"]["cost"] == told[-1]["usage"]["cost"] == Decimal("0.0001419")
    assert books.charges() == [141_900, 141_900]


@pytest.mark.parametrize("kind", BASES)
async def test_a_cut_stream_of_a_chat_model_ends_in_the_same_shape(complete, books, kind):
    _, text = await complete(directives="tokens=16+cut=8", kind=kind, mode="chat", stream=True)

    last = events(text)[-1]
    [choice] = last["choices"]
    assert (last["object"], choice["text"], choice["finish_reason"]) == ("text_completion", "", "error")
    assert books.charges() == [int(last["usage"]["cost"] * 10**9)]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"echo": True}, "echo"),
        ({"suffix": "end"}, "suffix"),
        ({"logprobs": 0}, "logprobs"),
        ({"n": 2}, "n"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"odd": 1}, "odd"),
    ],
)
async def test_what_a_chat_model_cannot_do_is_refused_by_name(complete, simulator, books, fields, param):
    response, text = await complete(mode="chat", **fields)

    assert (response.status, read(text)["error"]["param"]) == (400, param)
    assert simulator.truth.records() == []
    assert books.holds() == []


async def test_an_embedding_model_has_another_endpoint(complete):
    response, text = await complete(mode="embedding")

    assert response.status == 400
    assert "/api/v1/embeddings" in read(text)["error"]["message"]
