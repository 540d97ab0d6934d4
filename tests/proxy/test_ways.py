"""Every client format with every provider dialect, over HTTP: the same call, the same answer, the same charge."""

import json
from decimal import Decimal

import pytest

TEXT = "Say something pleasant."
BASES = {"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta"}
FORMATS = ("chat", "messages", "responses")
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
PRICES = {"input": "1", "output": "10", "cached_read": "0.5", "cache_write": "2", "reasoning": "20"}


def body(form, *, stream=False, **fields):
    said = [{"role": "user", "content": TEXT}]
    made = {
        "chat": {"messages": said, "max_tokens": 100},
        "messages": {"messages": said, "max_tokens": 100},
        "responses": {"input": TEXT, "max_output_tokens": 100},
    }[form]
    return {"model": "acme/tiny", "stream": stream, **made, **fields}


def events(text):
    """The events of a stream, whatever the format."""
    data = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]
    return [json.loads(piece, parse_float=Decimal) for piece in data if piece != "[DONE]"]


def text_of(form, answer):
    if form == "chat":
        return answer["choices"][0]["message"]["content"]
    if form == "messages":
        return "".join(part["text"] for part in answer["content"] if part["type"] == "text")
    items = [item for item in answer["output"] if item["type"] == "message"]
    return "".join(part["text"] for item in items for part in item["content"])


def streamed_text(form, told):
    if form == "chat":
        return "".join(
            c["delta"].get("content") or "" for event in told for c in event["choices"] if "delta" in c
        )
    if form == "messages":
        deltas = [event["delta"] for event in told if event["type"] == "content_block_delta"]
        return "".join(delta.get("text", "") for delta in deltas)
    return "".join(event["delta"] for event in told if event["type"] == "response.output_text.delta")


def usage_in(form, told):
    """The usage of a streamed answer: it comes last."""
    if form == "responses":
        return told[-1]["response"]["usage"]
    return next(event["usage"] for event in reversed(told) if event.get("usage"))


def tokens(form, usage):
    """Input as a whole, cached, written, output as a whole, reasoning."""
    if form == "chat":
        return usage["prompt_tokens"], usage["completion_tokens"]
    if form == "messages":
        parts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        return sum(usage[part] for part in parts), usage["output_tokens"]
    return usage["input_tokens"], usage["output_tokens"]


@pytest.fixture
async def way(make, simulator, start_relay, caller, books):
    """Ask in one format for what a provider serves in one dialect."""
    for kind, base in BASES.items():
        make.provider(kind, kind=kind, base_url=simulator.url + base)
    relay = await start_relay()

    async def call(form, kind, *, directives="", **fields):
        upstream = f"tiny+{directives}".rstrip("+")
        make.offer("acme/tiny", provider=kind, upstream_model=upstream, prices=PRICES)
        await relay.deps.catalog.refresh()
        sent = body(form, **fields)
        async with relay.post(caller.secret, sent, path=PATHS[form]) as response:
            text = await response.text()
        assert response.headers["X-Provider"] in {kind, "none"}
        return response, text

    return call


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize("form", FORMATS)
async def test_an_answer_is_the_same_whole_and_streamed_and_charged_as_it_was_in_truth(
    way, books, simulator, form, kind
):
    directives = "tokens=20+prompt=100+cached=30+cache_write=10+reasoning=5"
    if kind == "gemini":
        directives = "tokens=20+prompt=100+cached=30+reasoning=5"  # it writes caches by itself

    whole, plain = await way(form, kind, directives=directives)
    streaming, stream = await way(form, kind, directives=directives, stream=True)

    assert (whole.status, streaming.status) == (200, 200), plain + stream
    answer, told = json.loads(plain, parse_float=Decimal), events(stream)
    assert text_of(form, answer) == streamed_text(form, told) != ""
    truth = simulator.truth.records()
    into, out = truth[0]["prompt_tokens"], truth[0]["completion_tokens"]
    assert tokens(form, answer["usage"]) == tokens(form, usage_in(form, told)) == (into, out)
    written = 0 if kind == "gemini" else 10
    upstream_n = (into - 30 - written) * 1000 + 30 * 500 + written * 2000 + (out - 5) * 10_000 + 5 * 20_000
    charge_n = upstream_n * 11 // 10
    assert books.charges() == [charge_n, charge_n]
    assert answer["usage"]["cost"] == usage_in(form, told)["cost"] == Decimal(charge_n) / 10**9


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("kind", ["anthropic", "gemini"])
async def test_excluded_thoughts_are_not_told_and_cost_the_same(way, books, kind, stream):
    asked = {"directives": "tokens=20+prompt=100+reasoning=5", "stream": stream, "max_tokens": 2000}
    low = {"effort": "low"}

    _, shown = await way("chat", kind, reasoning=low, **asked)
    _, hidden = await way("chat", kind, reasoning={**low, "exclude": True}, **asked)

    assert '"reasoning_content":' in shown
    assert '"reasoning_content":' not in hidden
    assert '"reasoning_details":' not in hidden
    if stream:
        assert streamed_text("chat", events(hidden)) == streamed_text("chat", events(shown)) != ""
    else:
        assert text_of("chat", json.loads(hidden)) == text_of("chat", json.loads(shown)) != ""
    # 100 tokens in at 1000 nano-dollars, 20 out at 10,000 and 5 thought at 20,000, and 10 % fee.
    assert books.charges() == [440_000, 440_000]


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize("form", FORMATS)
async def test_a_cut_stream_is_charged_for_what_came_and_says_so(way, books, form, kind):
    response, text = await way(form, kind, directives="tokens=40+cut=20", stream=True)

    told = events(text)
    assert response.status == 200
    last = told[-1]
    error = {
        "chat": lambda: last["choices"][0]["error"],
        "messages": lambda: last["error"],
        "responses": lambda: last["response"]["error"],
    }[form]()
    assert kind in str(error)
    [event] = books.events()
    assert (event.status, event.reason, event.estimated) == (502, "upstream_cut", True)
    assert event.output_tokens > 0
    assert books.charges()[0] > 0


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize("form", FORMATS)
async def test_a_provider_that_fails_is_told_in_the_shape_of_the_format(way, books, form, kind):
    response, text = await way(form, kind, directives="status=503")

    document = json.loads(text)
    assert response.status == 502
    assert document["error"]["metadata"]["provider_name"] == kind
    assert ("type" in document) == (form == "messages")
    assert books.charges() == []


@pytest.mark.parametrize("form", FORMATS)
async def test_what_a_dialect_cannot_say_is_refused_by_name_before_anything_is_held(
    way, books, simulator, form
):
    field = {"chat": "logit_bias", "messages": "top_k", "responses": "top_logprobs"}[form]
    value = {"chat": {"5": 1}, "messages": 1.5, "responses": 3}[form]

    response, text = await way(form, "gemini", **{field: value})

    assert response.status == 400, text
    assert field in json.loads(text)["error"]["message"]
    assert simulator.truth.records() == []
    assert books.holds() == []


async def test_what_only_a_provider_of_the_same_format_may_know_is_left_to_it(
    make, simulator, start_relay, caller
):
    for kind in ("gemini", "openai"):
        make.provider(kind, kind=kind, base_url=simulator.url + BASES[kind])
        make.offer("acme/tiny", provider=kind, upstream_model="tiny", prices=PRICES)
    relay = await start_relay()

    async with relay.post(caller.secret, body("chat", reasoning_effort="hardest")) as response:
        served = response.status, response.headers["X-Provider"]
    async with relay.post(
        caller.secret, body("chat", temperature="warm", provider={"only": ["gemini"]})
    ) as response:
        refused = response.status, (await response.json())["error"]["param"]

    assert served == (200, "openai")
    assert refused == (400, "temperature")
