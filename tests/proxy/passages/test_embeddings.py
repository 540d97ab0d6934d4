"""Embeddings over HTTP, from providers that speak OpenAI's: what is sent, what comes back, what is charged."""

import json
from decimal import Decimal

import pytest
from aiohttp import web

from proxy.passages.embeddings import EmbeddingsPassage
from simulator.vectors import unit_vector
from tests.proxy.passages.bills import a_meter

PRICES = {"input": "0.02", "output": "0"}
PATHS = ("/api/v1/embeddings", "/v1/embeddings")


@pytest.fixture
async def vectors(make, simulator, start_relay):
    """`acme/vectors` at USD 0.02 for a million tokens, served by the simulator."""
    make.provider("acme", base_url=simulator.api_base)
    make.offer("acme/vectors", prices=PRICES, mode="embedding", context=None)
    return await start_relay()


@pytest.fixture
async def own(make, provider, start_relay):
    """`own/vectors` of a provider of the test's own, at the same price."""
    make.offer("own/vectors", provider="own", prices=PRICES, mode="embedding", context=None)
    return await start_relay()


async def embed(relay, caller, given="Hello", *, model="acme/vectors", path=PATHS[0], **fields):
    body = {"model": model, "input": given, **fields}
    async with relay.post(caller.secret, body, path=path) as response:
        return response, json.loads(await response.text(), parse_float=Decimal)


def plain(document):
    async def answer(_request):
        return web.json_response(document)

    return answer


def vectors_of(count, **fields):
    data = [{"object": "embedding", "index": at, "embedding": [0.5]} for at in range(count)]
    return {"object": "list", "data": data, "model": "theirs", **fields}


@pytest.mark.parametrize("path", PATHS)
async def test_texts_become_vectors_and_the_input_alone_is_charged(vectors, caller, books, path):
    response, answer = await embed(vectors, caller, ["Hello", "Good morning"], dimensions=4, path=path)

    assert response.status == 200, answer
    assert response.headers["X-Provider"] == "acme"
    rows = [[float(number) for number in row["embedding"]] for row in answer["data"]]
    assert rows == [unit_vector("Hello", 4), unit_vector("Good morning", 4)]
    # 2 and 3 tokens at 20 nano-dollars, and 10 % fee.
    assert answer["usage"] == {
        "prompt_tokens": 5,
        "total_tokens": 5,
        "cost": Decimal("0.00000011"),
        "cost_details": {
            "upstream_inference_cost": Decimal("0.0000001"),
            "fee": Decimal("0.00000001"),
        },
    }
    assert books.charges() == [110]
    [event] = books.events()
    assert (event.input_tokens, event.output_tokens, event.status, event.estimated) == (5, 0, 200, False)
    assert event.model_id == "acme/vectors"
    assert event.first_byte_ms is not None
    assert books.holds() == []


async def test_tokens_are_counted_as_what_they_are(vectors, caller, books):
    _, answer = await embed(vectors, caller, [[1, 2, 3], [4]])

    assert len(answer["data"]) == 2
    assert books.charges() == [88]  # 4 tokens at 20 nano-dollars, and 10 % fee


async def test_what_comes_passes_to_the_byte_but_for_usage(own, caller, provider):
    data = b'[{"index": 0,  "embedding": "AACAPw==", "odd": 1e0}]'
    body = b'{"object": "list", "data": ' + data + b', "odd": 1.0, "usage": {"total_tokens": 7, "more": 1}}'

    async def answer(_request):
        return web.Response(body=body, content_type="application/json")

    provider.answer = answer
    asked = {"model": "own/vectors", "input": "Hello", "encoding_format": "base64", "input_type": "query"}
    async with own.post(caller.secret, {**asked, "stream": False, "user": "u"}, path=PATHS[1]) as response:
        got = await response.read()

    assert b'"data":' + data in got
    assert json.loads(got)["usage"].items() >= {"prompt_tokens": 7, "total_tokens": 7, "more": 1}.items()
    sent = json.loads(provider.received[0][1])
    assert sent == {**asked, "model": "tiny", "user": "u"}


async def test_megabytes_of_vectors_pass(own, caller, provider, books):
    row = {"object": "embedding", "embedding": [0.0123456789] * 3072}
    document = {"data": [row] * 200, "usage": {"prompt_tokens": 400, "total_tokens": 400}}
    provider.answer = plain(document)

    _, answer = await embed(own, caller, ["Hello"] * 200, model="own/vectors")

    assert len(answer["data"]) == 200
    assert books.charges() == [8_800]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (vectors_of(2), "does not say what it used"),
        (vectors_of(2, usage=None), "does not say what it used"),
        (vectors_of(2, usage={"prompt_tokens": 0, "total_tokens": 0}), "does not say what it used"),
        (vectors_of(2, usage={"prompt_tokens": -2}), "does not say what it used"),
        (vectors_of(2, usage={"prompt_tokens": "many"}), "does not say what it used"),
        (vectors_of(1, usage={"prompt_tokens": 2}), "1 vectors came for 2 texts"),
        (vectors_of(3, usage={"prompt_tokens": 2}), "3 vectors came for 2 texts"),
        ({"error": {"message": "no"}}, "0 vectors came for 2 texts"),
        ({"data": None}, "not the JSON of embeddings"),
        ([], "not the JSON of embeddings"),
    ],
)
async def test_an_answer_that_is_none_fails_and_costs_nothing(own, caller, provider, books, document, reason):
    provider.answer = plain(document)

    response, answer = await embed(own, caller, ["Hello", "there"], model="own/vectors")

    assert response.status == 502
    assert reason in answer["error"]["metadata"]["reason"]
    assert books.charges() == []
    assert books.holds() == []


async def test_another_offer_stands_in_for_one_whose_answer_is_none(
    own, caller, provider, make, simulator, books
):
    provider.answer = plain(vectors_of(1))
    make.provider("dear", base_url=simulator.api_base)
    make.offer("own/vectors", provider="dear", prices={"input": "0.2", "output": "0"}, mode="embedding")
    await own.deps.catalog.refresh()

    response, _ = await embed(own, caller, model="own/vectors")

    assert (response.status, response.headers["X-Provider"]) == (200, "dear")
    assert books.charges() == [440]  # 2 tokens at 200 nano-dollars, and 10 % fee


async def test_a_client_says_who_may_serve(own, caller, make, simulator):
    make.provider("dear", base_url=simulator.api_base)
    make.offer("own/vectors", provider="dear", prices={"input": "0.2", "output": "0"}, mode="embedding")
    await own.deps.catalog.refresh()

    response, _ = await embed(own, caller, model="own/vectors", provider={"only": ["dear"]})
    refused, _ = await embed(own, caller, model="own/vectors", provider={"only": ["nobody"]})

    assert (response.headers["X-Provider"], refused.status) == ("dear", 400)


async def test_a_model_stands_in_for_another(own, caller, provider, make, simulator, books):
    provider.answer = plain({})
    make.provider("acme", base_url=simulator.api_base)
    make.offer("acme/vectors", prices={"input": "0.2", "output": "0"}, mode="embedding")
    await own.deps.catalog.refresh()

    response, _ = await embed(own, caller, model="own/vectors", models=["acme/vectors"])

    assert response.status == 200
    assert [event.model_id for event in books.events()] == ["acme/vectors"]
    assert books.charges() == [440]


async def test_a_chat_model_has_another_endpoint_and_the_other_way_round(vectors, caller, make, simulator):
    make.offer("acme/tiny")
    await vectors.deps.catalog.refresh()

    status, answer = await embed(vectors, caller, model="acme/tiny")
    body = {"model": "acme/vectors", "messages": [{"role": "user", "content": "Hi"}]}
    async with vectors.post(caller.secret, body) as response:
        other = await response.json()

    assert (status.status, response.status) == (400, 400)
    assert "/api/v1/chat/completions" in answer["error"]["message"]
    assert "/api/v1/embeddings" in other["error"]["message"]
    assert simulator.truth.records() == []


async def test_a_provider_without_embeddings_is_refused_by_name(vectors, caller, make, simulator, books):
    make.provider("claude", kind="anthropic", base_url=simulator.api_base)
    make.offer("claude/vectors", provider="claude", prices=PRICES, mode="embedding")
    await vectors.deps.catalog.refresh()

    response, answer = await embed(vectors, caller, model="claude/vectors")

    assert (response.status, answer["error"]["param"]) == (400, "model")
    assert simulator.truth.records() == []
    assert books.holds() == []


async def test_who_cannot_pay_the_whole_input_is_refused(vectors, make, books):
    user = make.user(credits_usd="0.000001")
    key = make.key(user)

    class Poor:
        secret = make.secrets[key.id]

    response, _ = await embed(vectors, Poor, "word " * 1000)

    assert response.status == 402
    assert books.holds() == []


@pytest.mark.parametrize(
    ("total", "is_odd"), [("", False), (', "total_tokens": 4', False), (', "total_tokens": 5', True)]
)
def test_usage_whose_total_is_another_is_odd(total, is_odd):
    passage = EmbeddingsPassage(a_meter(), inputs=1)

    passage.read(b'{"data": [{"embedding": [0.1]}], "usage": {"prompt_tokens": 4%b}}' % total.encode())

    assert (passage.meter.is_odd, passage.meter.reported.input_tokens) == (is_odd, 4)
