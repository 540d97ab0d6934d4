"""Streams on their way back: what a provider does wrong, and what the client gets of it."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from aiohttp import web

from core.money import usd
from proxy.passages.chat import ChatPassage
from proxy.stream import StreamRelay
from proxy.upstream.offers import Answer
from tests.proxy.conftest import ask, chunks
from tests.proxy.own_provider import delta, stream_of


async def call(relay, caller, model, **fields):
    async with relay.post(caller.secret, ask(model, **fields)) as response:
        return response, await response.text()


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
            assert (event.status, event.reason, event.estimated) == (502, "upstream_cut", True), directives
        else:
            assert last["choices"] == [], directives
            assert event.reason == "done", directives
    assert books.holds() == []
    assert books.pool(caller)["held"] == 0


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
        async with asyncio.timeout(20):
            while seen.count(b": keep-alive\n\n") < 2:
                seen += await response.content.readany()
        release.set()
        seen += await response.content.read()

    assert b" two" in seen
    assert seen.endswith(b"data: [DONE]\n\n")


async def test_an_answer_begins_with_the_first_thought_though_it_is_not_shown(
    start_relay, provider, caller, books
):
    release = asyncio.Event()

    async def answer(request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"choices": [{"index": 0, "delta": {"role": "assistant"}}]}\n\n')
        await response.write(b'data: {"choices": [{"index": 0, "delta": {"reasoning": "Hmm."}}]}\n\n')
        await release.wait()
        await response.write(delta("Yes", "stop") + b'data: {"choices": [], "usage": ')
        await response.write(b'{"prompt_tokens": 10, "completion_tokens": 5}}\n\ndata: [DONE]\n\n')
        return response

    provider.answer = answer
    relay = await start_relay(keep_alive_s=0.1)
    body = ask("own/model", stream=True, reasoning={"exclude": True})

    async with relay.post(caller.secret, body) as response:
        seen = b""
        async with asyncio.timeout(20):
            while b": keep-alive\n\n" not in seen:
                seen += await response.content.readany()
        release.set()
        seen += await response.content.read()

    assert b"Yes" in seen
    assert b"Hmm" not in seen
    assert b'"reasoning":' not in seen
    # 10 tokens in at 1000 nano-dollars and 5 out at 2000, and 10 % fee.
    assert books.charges() == [22_000]


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
        async with asyncio.timeout(20):
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


async def test_a_stream_leaves_its_connection_to_the_next_call(start_relay, provider, caller):
    peers = []
    whole = stream_of(delta("Hi.", "stop"), b"data: [DONE]\n\n")

    async def answer(request):
        peers.append(request.transport.get_extra_info("peername"))
        return await whole(request)

    provider.answer = answer
    relay = await start_relay()

    for _ in range(3):
        await call(relay, caller, "own/model", stream=True)

    assert len(set(peers)) == 1


async def test_a_stream_that_is_only_its_last_word_is_an_answer(start_relay, provider, caller, books):
    provider.answer = stream_of(b"data: [DONE]\n\n")
    relay = await start_relay()

    response, text = await call(relay, caller, "own/model", stream=True)

    assert response.status == 200
    assert [event["choices"] for event in chunks(text)] == [[]]
    assert books.events()[0].reason == "done"


async def test_nothing_after_the_last_word_is_passed_on(start_relay, provider, caller):
    provider.answer = stream_of(
        delta("Hi.", "stop") + b"data: [DONE]\n\n" + delta("More."), delta("And more.")
    )
    relay = await start_relay()

    _, text = await call(relay, caller, "own/model", stream=True)

    assert "ore" not in text


async def test_text_that_speaks_of_usage_errors_and_events_is_passed_on_as_it_is(
    start_relay, provider, caller
):
    texts = [
        '{"usage": {"prompt_tokens": 1}}',
        '"error": {"x": 1}',
        "data: [DONE]\n\ndata: {}\n\n",
        "[DONE]",
        "\r\n",
    ]
    pieces = [delta(text) for text in texts]
    provider.answer = stream_of(*pieces, delta("", "stop") + b"data: [DONE]\n\n")
    relay = await start_relay()

    _, text = await call(relay, caller, "own/model", stream=True)

    assert text.encode().startswith(b"".join(pieces))
    assert [event["choices"][0]["delta"]["content"] for event in chunks(text)[: len(texts)]] == texts


class Broken:
    """Stands for whatever the relay works with, and fails when it is used."""

    def __getattr__(self, name):
        raise RuntimeError(name)


class Recorded:
    """A wire that keeps what is done with it."""

    def __init__(self):
        self.has_begun, self.is_behind, self.done = False, False, []

    def begin(self, first, fields):
        self.has_begun = True
        self.done.append(first)

    def write(self, piece):
        self.done.append(piece)

    async def drained(self):
        return

    def cut(self):
        self.done.append("cut")


class Saying:
    """A connection that says all it has to say at once."""

    def __init__(self, *pieces):
        self._pieces = pieces

    def stream(self, receiver):
        for piece in self._pieces:
            receiver.received(piece)

    def resume(self):
        return


async def test_a_fault_of_ours_is_told_before_the_first_byte_and_cuts_after_it(settings):
    meter = SimpleNamespace(
        produce=lambda _size: None,
        produced_bytes=0,
        wants_more=lambda: False,
        is_used_up=lambda: False,
        is_overrun=lambda: False,
        whole=lambda: None,
    )
    for charge, done in (
        (SimpleNamespace(meter=Broken(), call=None), []),
        (SimpleNamespace(meter=meter, call=None), [delta("Hi."), "cut"]),
    ):
        wire, answer = (
            Recorded(),
            Answer(
                Broken(),
                Saying(delta("Hi."), b"data: [DONE]\n\n"),
                Broken(),
                b"",
                SimpleNamespace(answered=int),
            ),
        )

        with pytest.raises((RuntimeError, AttributeError)):
            async with asyncio.timeout(20):
                await StreamRelay(answer, charge, ChatPassage(charge.meter, charge.call), wire, settings).run(
                    {}, echo=None
                )

        assert wire.done == done
