"""A balance below the worst case of a call: it starts, it is never overspent, the last cent is spendable."""

import asyncio
import json

import pytest
from aiohttp import web

from tests.proxy.conftest import ask, chunks, until
from tests.proxy.own_provider import WHOLE, delta, stream_of


async def test_a_balance_below_the_worst_case_starts_with_a_slice_and_ends_with_the_error_chunk(
    relay, make, books, simulator
):
    make.offer(
        "acme/long",
        upstream_model="tiny+tokens=4000+chunks=400+delay=0.002",
        prices={"input": "0", "output": "100"},
        context=8192,
    )
    await relay.deps.catalog.refresh()
    user = make.user(credits_usd="0.3")  # 4,000 tokens cost 0.44
    key = make.key(user)

    async with relay.post(make.secrets[key.id], ask("acme/long", stream=True)) as response:
        text = await response.text()

    last = chunks(text)[-1]
    assert response.status == 200
    assert last["choices"][0]["error"]["code"] == 402
    assert "credits" in last["choices"][0]["error"]["message"]
    event = books.events()[0]
    wallet = books.wallet(user)
    assert (event.status, event.reason) == (402, "out_of_money")
    assert wallet.balance_n == 300_000_000 - event.charge_n
    assert 0 <= wallet.balance_n < 30_000_000
    assert (wallet.held_n, books.pool(user)["held"]) == (0, 0)
    assert (await until(simulator.truth.records))[-1]["how"] == "client_gone"


async def test_a_plain_call_is_asked_for_no_more_than_the_balance_pays(start_relay, make, provider, books):
    relay = await start_relay()
    user = make.user(credits_usd="0.000500")
    key = make.key(user)

    response = await relay.post(make.secrets[key.id], ask("own/model", max_tokens=5000))

    assert response.status == 200
    asked = json.loads(provider.received[0][1])["max_tokens"]
    assert 16 <= asked < 5000
    assert asked * 2200 <= 500_000


async def test_a_model_of_unknown_length_is_bounded_at_the_provider(start_relay, make, provider, caller):
    make.offer("own/unknown", provider="own", upstream_model="theirs", context=None)
    relay = await start_relay(output_cap_tokens=3000)

    await relay.post(caller.secret, ask("own/unknown"))
    await relay.post(caller.secret, ask("own/model"))

    assert [json.loads(body).get("max_tokens") for _, body in provider.received] == [3000, 3000]


async def test_the_last_cent_can_be_spent(start_relay, make, provider, books):
    async def exact(_request):
        return web.json_response({**WHOLE, "usage": {"prompt_tokens": 10, "completion_tokens": 22}})

    provider.answer = exact
    relay = await start_relay()
    user = make.user(credits_usd="0.0000594")  # 10 x 1 + 22 x 2 millionths, and the fee
    key = make.key(user)
    body = {"model": "own/model", "messages": [{"role": "user", "content": ""}], "max_tokens": 16}

    response = await relay.post(make.secrets[key.id], body)

    assert response.status == 200, await response.text()
    assert books.wallet(user).balance_n == 0
    assert books.pool(user) == {"free": 0, "held": 0, "spent": 59_400, "granted": 59_400, "returned": 0}
    again = await relay.post(make.secrets[key.id], body)
    assert again.status == 402


async def test_a_stream_that_asks_for_thoughts_is_asked_for_no_more_than_the_balance_pays(
    start_relay, make, provider, books
):
    """What is thought may not be seen, and so cannot be cut in time, whatever is known of the model."""
    provider.answer = stream_of(delta("Hi.", "stop"), b"data: [DONE]\n\n")
    make.offer("own/priced", provider="own", prices={"input": "1", "output": "2", "reasoning": "2"})
    relay = await start_relay()
    user = make.user(credits_usd="0.01")  # 8,000 tokens cost 0.0176; a slice of 2,048 is held
    secret = make.secrets[make.key(user).id]
    asked = []
    for model, fields in (
        ("own/model", {}),
        ("own/model", {"reasoning_effort": "none"}),
        ("own/model", {"reasoning_effort": "low"}),
        ("own/priced", {}),
    ):
        provider.received.clear()
        await (await relay.post(secret, ask(model, stream=True, max_tokens=8000, **fields))).read()
        asked.append(json.loads(provider.received[0][1])["max_tokens"])

    assert asked == [8000, 8000, 2048, 2048]


async def test_thoughts_there_is_no_money_for_are_refused_as_that(start_relay, make, provider, books):
    make.provider("other", kind="anthropic", base_url=provider.api_base)
    make.offer("own/claude", provider="other", upstream_model="claude-opus-4-1")
    relay = await start_relay()
    user = make.user(credits_usd="0.005")  # for some 2,000 tokens of output
    secret = make.secrets[make.key(user).id]
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 4000}}
    said = {"model": "own/claude", "max_tokens": 8000, "messages": [{"role": "user", "content": "Hi"}]}

    native = await relay.post(secret, {**said, **thinking, "stream": True}, path="/api/v1/messages")
    converted = await relay.post(secret, {**said, "reasoning": {"max_tokens": 4000}, "stream": True})

    assert (native.status, converted.status) == (402, 402)
    assert "top up" in (await native.json())["error"]["message"]
    assert (provider.received, books.holds()) == ([], [])
    assert [(row.status, row.charge_n) for row in books.events()] == [(402, 0), (402, 0)]


def line(document):
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def block(**said):
    return line({"type": "content_block_delta", "index": 0, "delta": {"type": "novel_delta", **said}})


UNSEEN = {
    # Thoughts have no place in a completion, and of a kind nobody knows nothing is read.
    "/v1/completions": [line({"choices": [{"delta": {"reasoning_content": "x" * 4000}}]})],
    "/v1/messages": [
        line({"type": "message_start", "message": {"id": "m", "content": []}}),
        line({"type": "content_block_start", "index": 0, "content_block": {"type": "novel"}}),
        *[block(novel=str(number)) for number in range(1200)],
    ],
}


@pytest.mark.parametrize("path", UNSEEN)
async def test_money_that_is_used_up_before_there_is_anything_to_read_ends_the_answer(
    start_relay, make, provider, books, path
):
    has_begun = asyncio.Event()

    async def answer(request):
        response = await stream_of(*UNSEEN[path])(request)
        await has_begun.wait()
        return response

    provider.answer = answer
    make.provider("other", kind="anthropic", base_url=provider.api_base)
    make.offer("own/claude", provider="other", prices={"input": "1", "output": "2"})
    relay = await start_relay()
    user = make.user(credits_usd="0.0005")  # for some 200 tokens of output
    model = "own/claude" if path == "/v1/messages" else "own/model"
    said = {"model": model, "max_tokens": 4000, "stream": True}
    said |= ask(model) if path == "/v1/messages" else {"prompt": "Hi"}

    async with asyncio.timeout(8), relay.post(make.secrets[make.key(user).id], said, path=path) as response:
        has_begun.set()
        text = await response.text()

    assert (response.status, "no credits are left" in text) == (200, True)
    assert [(row.reason, row.charge_n) for row in books.events()] == [("out_of_money", 500_000)]
    assert (books.holds(), books.wallet(user).balance_n) == ([], 0)
