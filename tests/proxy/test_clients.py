"""Clients that leave, in every way there is, or take nothing: what was produced is paid, nothing stays held."""

import asyncio
import json
import re
import socket
import struct

import pytest
from aiohttp import web

from tests.proxy.conftest import ask, until
from tests.proxy.own_provider import delta
from tests.proxy.test_ways import BASES, FORMATS, PATHS, body


def connect(relay, caller, body, *, path="/v1/chat/completions"):
    """A client by hand, so that it may leave as it likes."""
    host, port = relay.url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)))
    client.setblocking(False)
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {caller.secret}\r\n"
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
    slow = offer("tokens=2000+delay=0.02")
    await relay.deps.catalog.refresh()
    loop = asyncio.get_running_loop()
    for number, words in enumerate((1, 12), 1):
        simulator.truth.forget()
        client = connect(relay, caller, ask(slow, stream=True))
        seen = b""
        async with asyncio.timeout(20):
            while seen.count(b'"content"') < words:
                seen += await loop.sock_recv(client, 4096)

        leave(client, how)

        record = (await until(simulator.truth.records))[0]
        assert record["how"] == "client_gone"
        await until(lambda number=number: books.holds() == [] and len(books.events()) == number)
        client.close()
        event = books.events()[-1]
        assert (event.status, event.reason, event.estimated) == (499, "client_gone", True)
        assert 0 < event.output_tokens < 2000
        assert event.charge_n > 0
    assert books.charges() == [event.charge_n for event in books.events()]


SAID = {
    "chat": re.compile(rb'"content":\s?"[^"]'),
    "messages": re.compile(rb'"text_delta","text":\s?"[^"]'),
    "responses": re.compile(rb"event: response.output_text.delta"),
}
WAYS = [(form, kind) for form in FORMATS for kind in BASES]


async def test_whenever_a_client_leaves_the_provider_is_closed_and_what_it_got_is_paid(
    start_relay, make, simulator, caller, books, chance
):
    for kind, base in BASES.items():
        make.provider(kind, kind=kind, base_url=simulator.url + base)
        make.offer(f"acme/{kind}", provider=kind, upstream_model="tiny+tokens=4000+delay=0.02")
    relay = await start_relay()
    loop, seen = asyncio.get_running_loop(), {}

    async def leaves(form, kind, how, at):
        sent = body(form, stream=True, model=f"acme/{kind}", max_tokens=4000, max_output_tokens=4000)
        sent.pop("max_output_tokens" if form != "responses" else "max_tokens")
        client = connect(relay, caller, sent, path=PATHS[form])
        got = b""
        while len(got) < at:
            got += await loop.sock_recv(client, at - len(got))
        leave(client, how)
        (name,) = re.findall(rb"X-Request-Id: (\S+)", got)
        await until(lambda: simulator.truth.records(request_id=name.decode()))
        client.close()
        seen[name.decode()] = form, got

    async with asyncio.timeout(30):
        await asyncio.gather(
            *(
                leaves(form, kind, how, chance.randrange(150, 6000))
                for form, kind in WAYS
                for how in ("close", "reset", "half-close", "close", "reset")
            )
        )
    await until(lambda: books.holds() == [] and len(books.events()) == len(seen))

    assert {record["how"] for record in simulator.truth.records()} == {"client_gone"}
    rows = {str(row.request_id): row for row in books.events()}
    assert rows.keys() == seen.keys()
    for request_id, (_form, got) in seen.items():
        row = rows[request_id]
        assert (row.status, row.reason) == (499, "client_gone")
        assert row.output_tokens < 4000
        assert row.charge_n > 0 or b"data: " not in got, got
    assert sum(SAID[form].search(got) is not None for form, got in seen.values()) > len(rows) // 2
    assert sorted(books.charges()) == sorted(row.charge_n for row in rows.values() if row.charge_n)


async def test_a_client_that_leaves_before_the_answer_pays_nothing(relay, caller, simulator, make, books):
    make.offer("acme/late", upstream_model="tiny+wait=20")
    await relay.deps.catalog.refresh()
    for number, stream in enumerate((False, True), 1):
        simulator.truth.forget()
        client = connect(relay, caller, ask("acme/late", stream=stream))
        await until(lambda: simulator.truth._running)

        leave(client, "reset")

        assert (await until(simulator.truth.records))[0]["how"] == "client_gone"
        await until(lambda number=number: books.holds() == [] and len(books.events()) == number)
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

    async with asyncio.timeout(20):
        await ended.wait()
    (event,) = await until(lambda: books.holds() == [] and books.events())

    client.close()
    assert event.charge_n > 0
