"""What a client gets on its connection, byte for byte."""

import asyncio
import re
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from proxy.running import ClientGone
from proxy.wire import Wire
from tests.proxy.conftest import until

MB = 1 << 20


@asynccontextmanager
async def client_of(handler):
    """A client's connection to a server that answers with a handler."""
    runner = web.ServerRunner(web.Server(handler, handler_cancellation=True, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0])
    try:
        async with asyncio.timeout(20):
            yield reader, writer
    finally:
        writer.close()
        await runner.cleanup()


async def whole(request):
    await request.read()
    wire = Wire(request, patience_s=1)
    wire.send(b'{"a":1}', {"Content-Type": "application/json", "X-Provider": "acme"})
    await wire.drained()
    return wire.written()


async def pieces(request):
    await request.read()
    wire = Wire(request, patience_s=1)
    wire.begin(b"one", {"Content-Type": "text/event-stream"})
    wire.write(b"")
    wire.write(b"two")
    wire.end(b"three")
    return wire.written()


def head_of(answer):
    """Status line and fields; the date is only looked at."""
    lines = answer.decode().removesuffix("\r\n\r\n").split("\r\n")
    assert re.fullmatch(r"Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", lines[-1])
    return lines[:-1]


async def test_a_whole_answer_is_sent_and_the_connection_kept():
    async with client_of(whole) as (reader, writer):
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")

            assert head_of(await reader.readuntil(b"\r\n\r\n")) == [
                "HTTP/1.1 200 OK",
                "Content-Type: application/json",
                "X-Provider: acme",
                "Content-Length: 7",
            ]
            assert await reader.readexactly(7) == b'{"a":1}'


async def test_pieces_are_chunks_and_none_of_them_ends_the_answer_too_soon():
    async with client_of(pieces) as (reader, writer):
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")

            assert "Transfer-Encoding: chunked" in head_of(await reader.readuntil(b"\r\n\r\n"))
            expected = b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"
            assert await reader.readexactly(len(expected)) == expected


async def test_answers_to_requests_sent_at_once_come_in_order():
    async with client_of(pieces) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" * 3)

        for _ in range(3):
            await reader.readuntil(b"\r\n\r\n")
            assert (await reader.readuntil(b"0\r\n\r\n")).endswith(b"three\r\n0\r\n\r\n")


@pytest.mark.parametrize("handler", [whole, pieces])
@pytest.mark.parametrize(
    "ask", [b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"POST / HTTP/1.0\r\n\r\n"]
)
async def test_a_connection_that_is_not_to_be_kept_is_closed_behind_the_answer(handler, ask):
    async with client_of(handler) as (reader, writer):
        writer.write(ask)

        head = head_of(await reader.readuntil(b"\r\n\r\n"))
        body = await reader.read()

    assert "Connection: close" in head
    if handler is whole:
        assert body == b'{"a":1}'
    elif b"1.0" in ask:  # such a client knows no chunks
        assert not [line for line in head if line.startswith("Transfer-Encoding")]
        assert body == b"onetwothree"
    else:
        assert body.endswith(b"0\r\n\r\n")


async def test_a_client_that_is_behind_is_waited_for():
    waited = asyncio.Event()

    async def handler(request):
        wire = Wire(request, patience_s=5)
        wire.begin(b"x" * (8 * MB), {})
        assert wire.is_behind
        waited.set()
        await wire.drained()
        assert not wire.is_behind
        wire.end(b"")
        return wire.written()

    async with client_of(handler) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")
        await waited.wait()
        await reader.readuntil(b"\r\n\r\n")

        assert await reader.readuntil(b"\r\n") == b"800000\r\n"
        assert await reader.readexactly(8 * MB) == b"x" * (8 * MB)
        assert await reader.readexactly(7) == b"\r\n0\r\n\r\n"


async def test_a_client_that_takes_nothing_is_given_up():
    given_up = asyncio.Event()

    async def handler(request):
        wire = Wire(request, patience_s=0.1)
        wire.send(b"x" * (8 * MB), {})
        with pytest.raises(ClientGone):
            await wire.drained()
        given_up.set()
        wire.cut()
        return wire.written()

    async with client_of(handler) as (_reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")

        await given_up.wait()


async def test_what_is_written_for_a_client_that_left_goes_nowhere():
    over = asyncio.Event()

    async def handler(request):
        wire = Wire(request, patience_s=1)
        transport = request.transport
        wire.begin(b"one", {})
        try:
            await asyncio.Event().wait()
        finally:
            await until(transport.is_closing)
            wire.write(b"two")
            wire.end(b"three")
            over.set()

    async with client_of(handler) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"one\r\n")
        writer.close()

        await over.wait()


async def test_an_answer_that_is_cut_does_not_look_whole():
    async def handler(request):
        wire = Wire(request, patience_s=1)
        wire.begin(b"one", {})
        wire.cut()
        return wire.written()

    async with client_of(handler) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")

        assert not (await reader.read()).endswith(b"0\r\n\r\n")


async def test_there_is_no_wire_to_a_client_that_is_gone():
    request = make_mocked_request("POST", "/")
    request.protocol.transport = None

    with pytest.raises(ClientGone):
        Wire(request, patience_s=1)
