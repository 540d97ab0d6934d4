"""Gemini's embeddings for clients that speak OpenAI's, over HTTP."""

import base64
import json
import struct
from decimal import Decimal

import pytest
from aiohttp import web

from simulator.vectors import unit_vector

PRICES = {"input": "0.15", "output": "0.01"}


@pytest.fixture
async def gemini(make, simulator, start_relay, caller):
    """A way to embed with what the simulator, or a provider of the test's own, serves in Gemini's dialect."""
    make.provider("google", kind="gemini", base_url=simulator.gemini_base)
    relay = await start_relay()

    async def call(given="Hello", *, directives="", base_url=None, **fields):
        if base_url is not None:
            make.provider("other", kind="gemini", base_url=base_url)
        upstream = f"tiny+{directives}".rstrip("+")
        make.offer(
            "google/vectors",
            provider="other" if base_url else "google",
            upstream_model=upstream,
            prices=PRICES,
            mode="embedding",
        )
        await relay.deps.catalog.refresh()
        body = {"model": "google/vectors", "input": given, **fields}
        async with relay.post(caller.secret, body, path="/v1/embeddings") as response:
            return response.status, json.loads(await response.text(), parse_float=Decimal)

    return call


async def test_texts_become_vectors_in_openais_shape(gemini, books):
    status, answer = await gemini(["Hello", "Good morning"], dimensions=4, user="u", encoding_format="float")

    assert status == 200, answer
    assert (answer["object"], answer["model"]) == ("list", "google/vectors")
    assert [(row["object"], row["index"]) for row in answer["data"]] == [("embedding", 0), ("embedding", 1)]
    rows = [[float(number) for number in row["embedding"]] for row in answer["data"]]
    assert rows == [unit_vector("Hello", 4), unit_vector("Good morning", 4)]
    # 2 and 3 tokens at 150 nano-dollars, and 10 % fee.
    assert answer["usage"] == {
        "prompt_tokens": 5,
        "total_tokens": 5,
        "cost": Decimal("0.000000825"),
        "cost_details": {
            "upstream_inference_cost": Decimal("0.00000075"),
            "fee": Decimal("0.000000075"),
        },
    }
    assert books.charges() == [825]


async def test_vectors_are_packed_where_that_is_wanted(gemini):
    _, answer = await gemini(dimensions=8, encoding_format="base64")

    unpacked = struct.unpack("<8f", base64.b64decode(answer["data"][0]["embedding"]))
    assert unpacked == pytest.approx(unit_vector("Hello", 8), abs=1e-7)


@pytest.mark.parametrize("lie", ["missing", "zero", "negative", "string"])
async def test_an_estimate_is_charged_where_no_usage_is_told(gemini, books, lie):
    status, answer = await gemini(["Hello", "Good morning"], directives=f"usage={lie}")

    # 17 bytes, four a token: 5 tokens at 150 nano-dollars, and 10 % fee.
    assert (status, answer["usage"]["prompt_tokens"]) == (200, 5)
    assert books.charges() == [825]
    [event] = books.events()
    assert (event.estimated, event.input_tokens, event.output_tokens) == (True, 5, 0)
    assert books.holds() == []


@pytest.mark.parametrize(
    ("given", "fields", "param"),
    [
        ([1, 2, 3], {}, "input"),
        ([[1], [2]], {}, "input"),
        (["Hello"] * 101, {}, "input"),
        ("Hello", {"input_type": "query"}, "input_type"),
    ],
)
async def test_what_cannot_be_said_is_refused_by_name(gemini, simulator, books, given, fields, param):
    status, answer = await gemini(given, **fields)

    assert (status, answer["error"]["param"]) == (400, param)
    assert simulator.truth.records() == []
    assert books.holds() == []


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"<html>",
        b'{"embeddings": [{"values": [1]}, {"values": [2]}]}',
        b'{"embeddings": [{"odd": [1]}]}',
        b'{"embeddings": [{"values": ["one"]}]}',
        b'{"embeddings": [{"values": [1e300]}]}',
        b'{"embeddings": [{"values": null}]}',
    ],
)
async def test_an_answer_that_is_none_fails_and_costs_nothing(gemini, provider, books, body):
    async def answer(_request):
        return web.Response(body=body, content_type="application/json")

    provider.answer = answer
    base_url = provider.api_base.replace("/v1", "/v1beta")

    status, told = await gemini(base_url=base_url, encoding_format="base64")

    assert (status, told["error"]["metadata"]["provider_name"]) == (502, "other")
    assert books.charges() == []
