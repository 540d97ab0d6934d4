"""Whole conversations: a client, the relay, a provider, the books."""

import json
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import select

from core.models import LedgerEntry, UsageDaily
from core.money import usd
from tests.proxy.conftest import ask, chunks, until
from tests.proxy.own_provider import WHOLE, delta, stream_of


def booked(books, caller):
    """What the books say of the caller's one call: usage row, ledger row, wallet."""
    (event,) = books.events()
    entry = books.db.scalars(select(LedgerEntry).where(LedgerEntry.kind == "usage")).one()
    return event, entry, books.wallet(caller)


async def test_a_plain_call_is_answered_and_charged_exactly(relay, caller, books, simulator):
    response = await relay.post(caller.secret, ask("acme/tiny", max_tokens=30))
    answer = json.loads(await response.text(), parse_float=Decimal)

    assert response.status == 200
    assert response.headers["X-Provider"] == "acme"
    event, entry, wallet = booked(books, caller)
    usage = answer["usage"]
    upstream_n = usage["prompt_tokens"] * 150 + usage["completion_tokens"] * 600
    assert event.upstream_n == upstream_n
    assert event.charge_n == upstream_n * 11 // 10 + (upstream_n * 11 % 10 > 0)
    assert entry.amount_n == -event.charge_n
    assert wallet.balance_n == 10_000_000_000 - event.charge_n
    assert (wallet.held_n, books.pool(caller)["held"]) == (0, 0)
    assert Decimal(usage["cost"]) == usd(event.charge_n)
    assert usage["cost_details"]["upstream_inference_cost"] == usd(upstream_n)
    assert usage["cost_details"]["fee"] == usd(event.charge_n - upstream_n)
    assert response.headers["X-Request-Id"] == str(event.request_id)
    truth = simulator.truth.records(request_id=str(event.request_id))
    assert [record["how"] for record in truth] == ["done"]
    assert (event.input_tokens, event.output_tokens) == (
        truth[0]["prompt_tokens"],
        truth[0]["completion_tokens"],
    )


async def test_a_streamed_call_ends_with_its_usage_and_cost(relay, caller, books):
    response = await relay.post(caller.secret, ask(stream=True, max_tokens=30))
    events = chunks(await response.text())

    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert [e for e in events[:-1] if e.get("usage")] == []
    last = events[-1]
    event, entry, _wallet = booked(books, caller)
    assert last["choices"] == []
    assert last["usage"]["cost"] == usd(event.charge_n) == usd(-entry.amount_n)
    assert event.stream
    assert event.reason == "done"
    assert event.finish_reason in {"stop", "length"}


@pytest.mark.parametrize("stream", [False, True])
async def test_one_dollar_of_list_usage_is_charged_one_dollar_ten(relay, caller, books, make, stream):
    prices = {"input": "200.00", "output": "10000", "cached_read": "100.00"}
    upstream = "dear+prompt=4000+cached=1000+tokens=30+reasoning=10"
    make.offer("acme/dear", upstream_model=upstream, context=5000, prices=prices)
    await relay.deps.catalog.refresh()  # 3,000 x 200 + 1,000 x 100 = 0.70; 30 x 10,000 = 0.30

    said = "word " * 1600  # 8,000 bytes may be 4,000 tokens
    response = await relay.post(caller.secret, ask("acme/dear", said, stream=stream, max_tokens=30))
    text = await response.text()
    await until(books.events)  # the relay may be leasing more to the wallet, and hold its row

    event, entry, wallet = booked(books, caller)
    told = chunks(text)[-1]["usage"] if stream else json.loads(text, parse_float=Decimal)["usage"]
    counts = (event.input_tokens, event.cached_tokens, event.output_tokens, event.reasoning_tokens)
    assert counts == (4000, 1000, 30, 10)
    assert event.upstream_n == 1_000_000_000
    assert event.charge_n == 1_100_000_000
    assert entry.amount_n == -event.charge_n
    assert wallet.balance_n == 10_000_000_000 - event.charge_n
    assert Decimal(told["cost"]) == Decimal("1.1")
    assert told["prompt_tokens_details"]["cached_tokens"] == 1000
    assert told["completion_tokens_details"]["reasoning_tokens"] == 10
    daily = books.db.scalars(select(UsageDaily)).one()
    assert (daily.charge_n, daily.cached_tokens, daily.reasoning_tokens) == (event.charge_n, 1000, 10)


@pytest.mark.parametrize("path", ["/api/v1/chat/completions", "/v1/chat/completions"])
async def test_both_addresses_answer(relay, caller, path):
    response = await relay.post(caller.secret, ask(), path=path)

    assert response.status == 200


async def test_the_provider_gets_the_body_byte_for_byte_and_no_header_of_the_client(
    start_relay, caller, provider
):
    relay = await start_relay()
    body = (
        b'{"model": "own/model",\n "messages": [ {"role":"user", "content": "\\u00e9", "unknown": {"b":1,"a":2}} ],'
        b' "temperature": 0.70, "seed": 123456789012345678, "x_new": [1.0, null]}'
    )
    headers = {
        "X-Secret": "client",
        "Cookie": "a=b",
        "X-Forwarded-For": "6.6.6.6",
        "User-Agent": "SDK/1",
        "OpenAI-Organization": "o",
    }

    response = await relay.post(caller.secret, body, headers=headers)

    assert response.status == 200
    got, sent = provider.received[0]
    assert b'[ {"role":"user", "content": "\\u00e9", "unknown": {"b":1,"a":2}} ]' in sent
    assert b"0.70" in sent
    assert b"123456789012345678" in sent
    assert b"[1.0, null]" in sent
    assert json.loads(sent)["model"] == "theirs"
    assert {name.lower() for name in got} == {
        "host", "accept", "authorization", "content-type", "content-length", "accept-encoding", "user-agent", "x-request-id",
    }  # fmt: skip
    assert got["Authorization"] == "Bearer own-upstream-credential"
    assert got["User-Agent"] == "BazaarLink"


async def test_usage_of_a_stream_is_asked_for_and_odd_headers_stay_away(start_relay, caller, provider):
    relay = await start_relay()
    whole = delta("Hi.", "stop") + b"data: [DONE]\n\n"
    provider.answer = stream_of(
        whole, **{"Set-Cookie": "s=1", "X-RateLimit-Of-Theirs": "9", "OpenAI-Organization": "o"}
    )

    response = await relay.post(caller.secret, ask("own/model", stream=True))

    await response.text()
    assert json.loads(provider.received[0][1])["stream_options"] == {"include_usage": True}
    assert {name.lower() for name in response.headers} <= {
        "x-request-id", "request-id", "x-provider", "cache-control", "content-type", "date", "server", "transfer-encoding",
        "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset",
    }  # fmt: skip


async def test_the_echo_shows_the_body_as_sent_in_one_event_without_a_credential(
    start_relay, caller, provider
):
    relay = await start_relay()
    provider.answer = stream_of(delta("Hi.", "stop"), b"data: [DONE]\n\n")
    body = ask(
        "own/model", stream=True, max_tokens=20, debug={"echo_upstream_body": True}, x={"deep": [1, 2]}
    )

    response = await relay.post(caller.secret, json.dumps(body, indent=2).encode())
    text = await response.text()

    first = chunks(text)[0]
    assert first == json.loads(provider.received[0][1])
    assert "own-upstream-credential" not in text
    assert caller.secret not in text
    assert "debug" not in first


async def test_the_echo_is_ignored_without_a_stream(relay, caller):
    response = await relay.post(caller.secret, ask(debug={"echo_upstream_body": True}))

    assert "messages" not in await response.json()


async def test_who_calls_is_recorded_cleaned_and_cut(relay, caller, books):
    headers = {"X-Title": "  My\tApp é " + "x" * 300, "HTTP-Referer": "https://app.example/<b>"}

    await relay.post(caller.secret, ask(), headers=headers)

    event = books.events()[0]
    assert event.app_name.startswith("MyApp é xxx")
    assert len(event.app_name) <= 200
    assert event.app_url == "https://app.example/<b>"


async def test_two_choices_and_a_tool_call_are_charged_as_the_provider_counts(
    relay, caller, books, simulator
):
    tool = {
        "type": "function",
        "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
    }

    await relay.post(caller.secret, ask(n=2, max_tokens=20))
    await relay.post(caller.secret, ask(n=2, max_tokens=20, stream=True))
    response = await relay.post(caller.secret, ask(tools=[tool], tool_choice="required", stream=True))
    await response.text()

    truth = {record["request_id"]: record for record in simulator.truth.records()}
    events = await until(lambda: len(found := books.events()) == 3 and found)
    for event in events:
        assert event.output_tokens == truth[str(event.request_id)]["completion_tokens"]
        assert not event.disputed


async def test_content_in_parts_reaches_the_client_as_it_came(start_relay, caller, provider):
    relay = await start_relay()
    parts = b'data: {"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"Hi."}]},"finish_reason":"stop"}]}\n\n'
    provider.answer = stream_of(parts, b"data: [DONE]\n\n")

    response = await relay.post(caller.secret, ask("own/model", stream=True))

    assert parts.decode() in await response.text()


async def test_numbers_of_the_provider_are_not_rewritten(start_relay, caller, provider):
    relay = await start_relay()

    async def answer(_request):
        from aiohttp import web

        whole = (
            json.dumps({**WHOLE, "system_fingerprint": "f"})[:-1]
            + ', "odd": 1.10, "long": 123456789012345678901}'
        )
        return web.Response(text=whole, content_type="application/json")

    provider.answer = answer

    response = await relay.post(caller.secret, ask("own/model"))

    raw = msgspec.json.decode(await response.read(), type=dict[str, msgspec.Raw])
    assert bytes(raw["odd"]) == b"1.10"
    assert bytes(raw["long"]) == b"123456789012345678901"
