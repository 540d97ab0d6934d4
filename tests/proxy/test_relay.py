"""Answers on their way back: what a provider does wrong, and clients that leave."""

import asyncio
import contextlib
import json
import socket
import struct
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web

from core.money import usd
from tests.proxy.conftest import WHOLE, ask, chunks, delta, stream_of, until

QUICK = {"first_byte_timeout_s": 0.5, "idle_timeout_s": 0.5, "keep_alive_s": 0.2, "total_timeout_s": 15.0}


@pytest.fixture
async def offered(start_relay, make, simulator):
    """A relay with short deadlines, and a way to offer what the simulator does under a name."""
    make.provider("acme", base_url=simulator.api_base)
    relay = await start_relay(**QUICK)

    def offer(directives):
        name = "".join(c if c.isalnum() else "-" for c in directives) or "plain"
        make.offer(f"acme/{name}", upstream_model=f"tiny+{directives}".rstrip("+"))
        return f"acme/{name}"

    return relay, offer


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
    assert books.wallet(caller).held_n == 0


# What a streamed call gets: the status, then whether the stream ends well ("done") or with the error chunk ("error").
STREAMED = {
    "refuse": (502, ""), "hang": (502, ""), "redirect": (502, ""), "gzip_bomb": (502, ""), "empty": (502, ""), "notjson": (502, ""),
    "status=400": (400, ""), "status=401": (502, ""), "status=403": (502, ""), "status=429": (502, ""), "status=500": (502, ""),
    "status=413": (413, ""), "status=422": (400, ""), "status=503": (502, ""),
    "cut": (200, "error"), "cut=1": (200, "error"), "hang_mid": (200, "error"), "hang_mid=1": (200, "error"),
    "malformed=json": (200, "error"), "malformed=utf8": (200, "error"), "malformed=nul": (200, "error"),
    "malformed=longline": (200, "error"), "malformed=truncated": (200, "error"),
    "malformed=nodata": (200, "done"), "malformed=bom": (200, "done"), "malformed=crlf": (200, "done"), "malformed=split": (200, "done"),
    "malformed=doubleusage": (200, "done"), "malformed=afterdone": (200, "done"), "malformed=nodone": (200, "done"),
    "usage=missing": (200, "done"), "usage=zero": (200, "done"), "usage=x10": (200, "done"), "usage=negative": (200, "done"),
    "usage=huge": (200, "done"), "usage=string": (200, "done"), "usage=nan": (200, "error"),
    "cookies": (200, "done"), "overrun=2000": (200, "error"), "drip=0.0005+tokens=2": (200, "done"), "delay=0.05+tokens=5": (200, "done"),
}  # fmt: skip


async def test_whatever_a_provider_does_to_a_stream_it_ends_as_promised(offered, caller, books):
    relay, offer = offered
    models = {offer(directives): (directives, expected) for directives, expected in STREAMED.items()}
    await relay.deps.catalog.refresh()

    for model, (directives, (status, end)) in models.items():
        response, text = await call(relay, caller, model, max_tokens=40, stream=True)

        assert response.status == status, (directives, text)
        event = next(e for e in books.events() if str(e.request_id) == response.headers["X-Request-Id"])
        if not end:
            assert event.charge_n == 0, directives
            assert json.loads(text)["error"]["code"] == status
            continue
        last = chunks(text)[-1]
        assert last["usage"]["cost"] == usd(event.charge_n), directives
        assert event.charge_n > 0, directives
        if end == "error":
            choice = last["choices"][0]
            assert (choice["finish_reason"], choice["delta"], choice["native_finish_reason"]) == (
                "error",
                {"content": ""},
                None,
            )
            assert choice["error"]["code"] == 502
            assert choice["error"]["metadata"]["provider_name"] == "acme"
            assert (event.status, event.reason, event.estimated) == (502, "upstream_failed", True), directives
        else:
            assert last["choices"] == [], directives
            assert event.reason == "done", directives
    assert books.holds() == []
    assert books.wallet(caller).held_n == 0


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


async def test_a_first_chunk_that_cannot_be_read_is_an_error_before_any_byte(start_relay, provider, caller):
    relay = await start_relay()
    for first in (
        b"data: nonsense\n\n",
        b": hello\n\ndata: {\n\n",
        b'data: {"error": {"message": "overloaded"}}\n\n',
        b": only\n\n",
    ):
        provider.answer = stream_of(first)

        response, _ = await call(relay, caller, "own/model", stream=True)

        assert response.status == 502, first


async def test_a_silent_stream_is_kept_alive_by_comments(start_relay, provider, caller):
    release = asyncio.Event()

    async def answer(request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(delta("One"))
        await release.wait()
        await response.write(delta(" two", "stop") + b"data: [DONE]\n\n")
        return response

    provider.answer = answer
    relay = await start_relay(keep_alive_s=0.1)

    async with relay.post(caller.secret, ask("own/model", stream=True)) as response:
        seen = b""
        async with asyncio.timeout(5):
            while seen.count(b": keep-alive\n\n") < 2:
                seen += await response.content.readany()
        release.set()
        seen += await response.content.read()

    assert b" two" in seen
    assert seen.endswith(b"data: [DONE]\n\n")


async def test_a_chunk_is_passed_on_when_it_comes_not_when_it_is_all_there(start_relay, provider, caller):
    release = asyncio.Event()

    async def answer(request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(delta("One"))
        await release.wait()
        await response.write(delta(" two", "stop") + b"data: [DONE]\n\n")
        return response

    provider.answer = answer
    relay = await start_relay()

    async with relay.post(caller.secret, ask("own/model", stream=True)) as response:
        async with asyncio.timeout(5):
            assert await response.content.readany() == delta("One")
        release.set()
        await response.content.read()


async def test_a_carriage_return_in_a_chunk_cannot_start_an_event_of_its_own(start_relay, provider, caller):
    relay = await start_relay()
    evil = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}],\r\rdata: "evil"\r\r"x":1}\n\n'
    sane = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}],\r\r"x":1}\n\n'

    for piece, status in ((evil, 502), (sane, 200)):
        provider.answer = stream_of(piece, b"data: [DONE]\n\n")
        response, text = await call(relay, caller, "own/model", stream=True)

        assert response.status == status
        assert "\r" not in text


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
    assert books.holds() == []


async def test_the_usage_of_every_chunk_is_held_back_and_the_last_counts(
    start_relay, provider, caller, books
):
    def with_usage(text, tokens, finish=None):
        document = json.loads(delta(text, finish)[6:])
        document["usage"] = {"prompt_tokens": 100, "completion_tokens": tokens}
        return b"data: " + json.dumps(document).encode() + b"\n\n"

    provider.answer = stream_of(with_usage("One", 1), with_usage(" two", 2, "stop"), b"data: [DONE]\n\n")
    relay = await start_relay()

    _, text = await call(relay, caller, "own/model", stream=True)

    events = chunks(text)
    assert [event.get("usage") for event in events[:-1]] == [None, None]
    assert events[-1]["usage"]["completion_tokens"] == 2
    assert books.events()[0].upstream_n == 100 * 1000 + 2 * 2000


def connect(relay, caller, body):
    """A client by hand, so that it may leave as it likes."""
    host, port = relay.url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)))
    client.setblocking(False)
    data = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {caller.secret}\r\n"
    client.send(head.encode() + b"Content-Length: %d\r\n\r\n" % len(data) + data)
    return client


def leave(client, how):
    if how == "half-close":
        client.shutdown(socket.SHUT_WR)
        return
    if how == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
async def test_a_client_that_leaves_closes_the_provider_and_pays_for_what_was_produced(
    offered, caller, simulator, books, how
):
    relay, offer = offered
    slow = offer("tokens=200+delay=0.02")
    await relay.deps.catalog.refresh()
    loop = asyncio.get_running_loop()
    for words in (1, 12):
        simulator.truth.forget()
        client = connect(relay, caller, ask(slow, stream=True))
        seen = b""
        async with asyncio.timeout(5):
            while seen.count(b'"content"') < words:
                seen += await loop.sock_recv(client, 4096)

        leave(client, how)

        record = (await until(simulator.truth.records, timeout_s=1))[0]
        assert record["how"] == "client_gone"
        await until(lambda: books.holds() == [])
        client.close()
        event = books.events()[-1]
        assert (event.status, event.reason, event.estimated) == (499, "client_gone", True)
        assert 0 < event.output_tokens < 200
        assert event.charge_n > 0
    assert books.charges() == [event.charge_n for event in books.events()]


async def test_a_client_that_leaves_before_the_answer_pays_nothing(relay, caller, simulator, make, books):
    make.offer("acme/late", upstream_model="tiny+wait=20")
    await relay.deps.catalog.refresh()
    for stream in (False, True):
        simulator.truth.forget()
        client = connect(relay, caller, ask("acme/late", stream=stream))
        await until(lambda: simulator.truth._running)

        leave(client, "reset")

        assert (await until(simulator.truth.records, timeout_s=1))[0]["how"] == "client_gone"
        await until(lambda: books.holds() == [])
        assert books.events()[-1].charge_n == 0
        assert books.events()[-1].reason == "client_gone"


async def test_a_client_that_takes_nothing_is_left_and_pays_for_what_was_produced(
    start_relay, caller, provider, books
):
    ended = asyncio.Event()
    word = delta("x" * 60_000)

    async def flood(request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            while True:
                await response.write(word)
        except (ConnectionError, asyncio.CancelledError):
            ended.set()
            raise

    provider.answer = flood
    relay = await start_relay(idle_timeout_s=0.4)
    client = connect(relay, caller, ask("own/model", stream=True))

    async with asyncio.timeout(10):
        await ended.wait()
    await until(lambda: books.holds() == [])

    client.close()
    assert books.events()[0].charge_n > 0


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
    wallet = books.db.get(type(user.wallet), user.wallet_id, populate_existing=True)
    assert (event.status, event.reason) == (402, "insufficient_credits")
    assert wallet.balance_n == 300_000_000 - event.charge_n
    assert 0 <= wallet.balance_n < 30_000_000
    assert wallet.held_n == 0
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
    wallet = books.db.get(type(user.wallet), user.wallet_id, populate_existing=True)
    assert wallet.balance_n == 0
    with contextlib.suppress(aiohttp.ClientError):
        again = await relay.post(make.secrets[key.id], body)
        assert again.status == 402
