"""Answers on their way back: what a provider does wrong, and what the client gets of it."""

import asyncio
import json
from decimal import Decimal

from aiohttp import web

from core.money import usd
from tests.proxy.conftest import ask, until


async def call(relay, caller, model, **fields):
    async with relay.post(caller.secret, ask(model, **fields)) as response:
        return response, await response.text()


# What a plain call gets for each fault: a status, and whether anything is charged.
PLAIN = {
    "refuse": 502, "hang": 502, "cut": 502, "hang_mid": 502, "redirect": 502, "gzip_bomb": 502, "empty": 502, "notjson": 502,
    "status=400": 400, "status=401": 502, "status=403": 502, "status=404": 502, "status=408": 502, "status=409": 502,
    "status=413": 413, "status=422": 400, "status=429": 502, "status=500": 502, "status=503": 502,
    "malformed=json": 502, "malformed=utf8": 502, "malformed=nul": 502, "malformed=truncated": 502, "malformed=split": 200,
    "usage=missing": 200, "usage=zero": 200, "usage=x10": 200, "usage=negative": 200, "usage=huge": 200, "usage=string": 200,
    "cookies": 200, "overrun=500": 200, "drip=0.001+tokens=3": 200, "wait=0.1": 200, "reasoning=5": 200,
}  # fmt: skip


async def test_whatever_a_provider_does_to_a_plain_call_the_books_are_right(offered, caller, books):
    relay, offer = offered
    models = {offer(directives): (directives, status) for directives, status in PLAIN.items()}
    await relay.deps.catalog.refresh()

    for model, (directives, status) in models.items():
        response, text = await call(relay, caller, model, max_tokens=40)

        assert response.status == status, directives
        document = json.loads(text, parse_float=Decimal)
        event = next(e for e in books.events() if str(e.request_id) == response.headers["X-Request-Id"])
        assert event.status == status, directives
        if status == 200:
            assert Decimal(document["usage"]["cost"]) == usd(event.charge_n), directives
            assert event.charge_n > 0, directives
        else:
            assert event.charge_n == 0, directives
            assert document["error"]["code"] == status, directives
        if status == 502:
            assert document["error"]["metadata"]["provider_name"] == "acme"
            assert response.headers["X-Provider"] == "acme"
            assert document["error"]["type"] == "upstream_error"
    assert books.holds() == []
    assert books.pool(caller)["held"] == 0


async def test_usage_that_denies_what_was_relayed_is_not_believed(offered, caller, books):
    relay, offer = offered
    model = offer("usage=zero")
    await relay.deps.catalog.refresh()

    _, text = await call(relay, caller, model, max_tokens=40)

    event = books.events()[0]
    assert (event.estimated, event.disputed) == (True, True)
    usage = json.loads(text)["usage"]
    assert usage["completion_tokens"] == event.output_tokens > 0
    assert usage["prompt_tokens"] == event.input_tokens > 0


async def test_usage_far_from_what_was_seen_is_marked_as_disputed(offered, caller, books):
    relay, offer = offered
    model = offer("usage=x10+tokens=100")
    await relay.deps.catalog.refresh()

    await call(relay, caller, model)

    assert books.events()[0].disputed


async def test_a_plain_answer_that_never_ends_is_given_up(start_relay, provider, caller, books):
    async def drip(request):
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)

    provider.answer = drip
    relay = await start_relay(total_timeout_s=0.5)

    response, _ = await call(relay, caller, "own/model")

    assert response.status == 502
    await until(lambda: books.holds() == [])
