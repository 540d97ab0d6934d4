"""What a call would hold and cost, asked before it is made."""

import json
from decimal import Decimal

import pytest

from proxy.catalog import Snapshot
from proxy.handlers.estimate import NAMED, endpoint_of
from tests.proxy.conftest import ask
from tests.proxy.test_meter import model


async def estimate(relay, caller, body, **query):
    headers = {"Authorization": f"Bearer {caller.secret}"}
    url = f"{relay.url}/v1/cost/estimate"
    async with relay.session.post(url, json=body, headers=headers, params=query) as response:
        return response.status, json.loads(await response.text(), parse_float=Decimal)


async def test_a_call_is_priced_without_being_made(relay, caller, simulator, books):
    body = ask(max_tokens=1000)

    status, told = await estimate(relay, caller, body)

    # 42 bytes of text: 23 of the message, 4 of its role, 15 of the other fields. Beside them 11 bytes of names.
    assert status == 200
    assert told["input_tokens"] == {"estimate": 11 + 4, "at_most": 53 // 2 + 8}
    assert told["output_tokens"] == {"at_most": 1000}
    # 34 tokens at 150 nano-dollars and 1000 at 600, and 10 % fee: 605,100 x 1.1.
    assert told["cost"]["at_most"] == Decimal("0.00066561")
    assert told["hold"]["full"] == told["cost"]["at_most"]
    assert told["offers"] == [{"provider": "acme", **told["cost"]}]
    assert simulator.truth.records() == []
    assert books.holds() == []
    assert books.events() == []


async def test_every_offer_is_priced(relay, caller, make, simulator):
    make.provider("dear", base_url=simulator.api_base)
    make.offer("acme/tiny", provider="dear", prices={"input": "1.5", "output": "6"})
    await relay.deps.catalog.refresh()

    _, told = await estimate(relay, caller, ask(max_tokens=1000))

    cheap, dear = told["offers"]
    assert (cheap["provider"], dear["provider"]) == ("acme", "dear")
    assert dear["at_most"] == 10 * cheap["at_most"] == told["hold"]["full"]
    assert told["cost"]["input"] == cheap["input"]


async def test_what_a_call_would_be_refused_for_is_told_here_too(relay, caller):
    status, told = await estimate(relay, caller, ask("acme/tinny"))
    unread, _ = await estimate(relay, caller, {"model": "acme/tiny", "messages": []})
    unknown, _ = await estimate(relay, type(caller)(caller.user, caller.key, "nonsense"), ask())

    assert (status, unread, unknown) == (404, 400, 401)
    assert "acme/tiny" in told["error"]["message"]


@pytest.mark.parametrize(
    ("body", "query", "output"),
    [
        ({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 7}, {}, 7),
        ({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 7, "stop_sequences": ["a"]},
         {"endpoint": "messages"}, 7),
        ({"input": "Hi", "max_output_tokens": 7}, {}, 7),
        ({"prompt": "Hi"}, {}, 16),
        ({"prompt": "Hi", "max_tokens": 7}, {"endpoint": "completions"}, 7),
    ],
)  # fmt: skip
async def test_a_call_of_any_format_is_priced(relay, caller, books, body, query, output):
    status, told = await estimate(relay, caller, {"model": "acme/tiny", **body}, **query)

    assert status == 200, told
    assert told["output_tokens"] == {"at_most": output}
    assert books.holds() == []


async def test_embeddings_are_priced_by_their_input(relay, caller, make):
    make.offer("acme/vectors", prices={"input": "1", "output": "0"}, mode="embedding")
    await relay.deps.catalog.refresh()

    status, told = await estimate(relay, caller, {"model": "acme/vectors", "input": ["x" * 40, "y" * 40]})

    # 80 bytes, and 14 of the model: two a token at most, and 8 tokens for each text; four a token probably.
    assert (status, told["input_tokens"]) == (200, {"estimate": 20, "at_most": 47 + 16})
    assert told["output_tokens"] == {"at_most": 0}
    # 63 tokens at 1,000 nano-dollars, and 10 % fee.
    assert told["hold"] == dict.fromkeys(("full", "first", "least"), Decimal("0.0000693"))
    assert told["cost"] == {"input": Decimal("0.000022"), "at_most": Decimal("0.0000693")}


async def test_what_nobody_who_serves_it_can_be_told_is_refused_here_too(relay, caller, make, simulator):
    make.provider("google", kind="gemini", base_url=simulator.gemini_base)
    make.offer("google/tiny", provider="google")
    await relay.deps.catalog.refresh()

    chat, told = await estimate(relay, caller, ask("google/tiny", logit_bias={"5": 1}))
    older, why = await estimate(relay, caller, {"model": "google/tiny", "prompt": "Hi", "echo": True})

    assert (chat, told["error"]["param"]) == (400, "logit_bias")
    assert (older, why["error"]["param"]) == (400, "echo")


async def test_an_endpoint_nobody_knows_is_refused_by_name(relay, caller):
    status, told = await estimate(relay, caller, ask(), endpoint="images")

    assert (status, told["error"]["param"]) == (400, "endpoint")
    assert "chat, completions, embeddings, messages, responses" in told["error"]["message"]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"", "chat"),
        (b"[]", "chat"),
        (b"{}", "chat"),
        (b'{"input": 1, "model": 5}', "responses"),
        (b'{"input": 1, "model": "\xff"}', "responses"),
        (b'{"\xff": 1, "input": 1}', "chat"),
        (b'{"input": 1, "model": "a/vectors"}', "embeddings"),
        (b'{"input": 1, "model": "a/b"}', "responses"),
        (b'{"input": 1, "prompt": {"id": "p"}}', "responses"),
        (b'{"prompt": 1}', "completions"),
        (b'{"messages": 1, "prompt": 1}', "chat"),
    ],
)
def test_a_body_says_where_it_goes(body, name):
    models = {"a/vectors": model(id="a/vectors", mode="embedding"), "a/b": model(id="a/b")}

    assert endpoint_of(body, None, Snapshot(1, models)) is NAMED[name]
