"""Pace, breaks and counts on the wire, over real HTTP and bare sockets."""

import asyncio
import json
import socket
import struct
import time

import aiohttp
import pytest

from tests.simulator.conftest import HANG_S


def request_bytes(model: str, *, stream: bool = True) -> bytes:
    body = json.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": "x"}]})
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: simulator\r\nAuthorization: Bearer k\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


async def given_up(calling):
    """Wait a moment for what must not come, and leave."""
    done, _ = await asyncio.wait({calling}, timeout=0.2)
    assert not done
    calling.cancel()


async def timed(awaitable):
    start = time.monotonic()
    found = await awaitable
    return found, time.monotonic() - start


async def test_a_delay_lies_between_content_chunks(caller):
    _, took_s = await timed(caller.raw("tiny+tokens=4+delay=0.05"))

    assert took_s >= 0.15


async def test_a_wait_comes_before_the_headers(caller):
    start = time.monotonic()

    async with caller.post("tiny+wait=0.1") as response:
        waited_s = time.monotonic() - start

    assert response.status == 200
    assert waited_s >= 0.1


async def test_a_slow_answer_holds_up_nobody(caller, simulator, until):
    slow = asyncio.create_task(caller.raw("tiny+tokens=3+delay=60"))
    await until(lambda: simulator.truth._running)

    await caller.ask()

    assert not slow.done()
    slow.cancel()


async def test_a_long_answer_without_delay_lets_others_through(caller, simulator):
    _, long = await asyncio.open_connection("127.0.0.1", simulator.port)
    reader, short = await asyncio.open_connection("127.0.0.1", simulator.port)

    long.write(request_bytes("tiny+tokens=1000"))
    short.write(b"GET /healthz HTTP/1.1\r\nHost: simulator\r\n\r\n")
    await reader.readuntil(b"ok\n")

    assert caller.records == []
    long.close()
    short.close()


async def test_a_refused_call_is_reset_before_any_byte(caller, simulator):
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    writer.write(request_bytes("tiny+refuse"))

    with pytest.raises(ConnectionResetError):
        await reader.read()

    writer.close()
    (record,) = caller.records
    assert (record["how"], record["bytes_sent"], record["fault"]) == ("refused", 0, "refuse")


async def test_a_hanging_call_gets_no_headers(caller, simulator, until):
    calling = asyncio.create_task(caller.raw("tiny+hang"))
    await until(lambda: simulator.truth._running)
    await given_up(calling)

    await until(lambda: caller.records)
    (record,) = caller.records
    assert (record["how"], record["bytes_sent"]) == ("hung", 0)
    assert record["ended"] - record["started"] < HANG_S  # as soon as the client had left


@pytest.mark.parametrize(("fault", "chunks"), [("hang_mid", 5), ("hang_mid=3", 3), ("hang_mid=0", 0)])
async def test_a_stream_hangs_after_its_chunks(caller, simulator, until, fault, chunks):
    got = bytearray()

    async def collect():
        async with caller.post(f"tiny+tokens=10+{fault}", stream=True) as response:
            async for data in response.content.iter_any():
                got.extend(data)

    collecting = asyncio.create_task(collect())
    await until(lambda: simulator.truth._running and got.count(b'{"content":') >= chunks)
    await given_up(collecting)

    assert got.count(b'{"content":') == chunks
    await until(lambda: caller.records)
    assert (caller.records[0]["how"], caller.records[0]["tokens_sent"]) == ("hung", chunks)


@pytest.mark.parametrize(("fault", "chunks"), [("cut", 5), ("cut=3", 3), ("cut=0", 0), ("cut=99", 10)])
async def test_a_cut_stream_ends_without_the_end_of_its_body(caller, simulator, fault, chunks):
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    writer.write(request_bytes(f"tiny+tokens=10+{fault}"))

    got = await reader.read()

    writer.close()
    assert got.count(b'{"content":') == chunks
    assert b'"finish_reason":"stop"' not in got
    assert not got.endswith(b"0\r\n\r\n")
    (record,) = caller.records
    assert (record["how"], record["completion_tokens"], record["tokens_sent"]) == ("cut", 10, chunks)
    assert record["usage"] is None


async def test_a_cut_plain_answer_is_shorter_than_it_said(caller):
    async with caller.post("tiny+cut") as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()

    (record,) = caller.records
    assert (record["how"], record["tokens_sent"], record["usage"] is None) == ("cut", 0, False)


async def test_a_drip_sends_byte_by_byte(caller):
    async with caller.post("tiny+tokens=0+drip=0.001") as response:
        sizes = [len(data) async for data in response.content.iter_any()]

    assert sum(sizes) == caller.records[-1]["bytes_sent"]
    assert sorted(sizes)[len(sizes) // 2] < 10


async def test_what_was_sent_is_counted_to_the_byte(caller):
    raw = await caller.raw("tiny+tokens=20", stream_options={"include_usage": True})

    record = caller.records[-1]
    assert record["bytes_sent"] == len(raw)
    assert record["completion_tokens"] == record["tokens_sent"] == 20
    assert (record["how"], record["usage"]["completion_tokens"]) == ("done", 20)


@pytest.mark.parametrize("leave", ["fin", "reset"])
async def test_a_client_that_leaves_is_noticed_at_once(caller, simulator, until, leave):
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    writer.write(request_bytes("tiny+tokens=1000+delay=0.02"))
    await reader.readuntil(b'{"content":')

    if leave == "reset":
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()

    await until(lambda: caller.records)
    (record,) = caller.records
    assert record["how"] == "client_gone"
    assert 1 <= record["tokens_sent"] < 1000


async def test_a_client_that_leaves_before_the_headers_is_noticed(caller, simulator, until):
    _, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    writer.write(request_bytes("tiny+wait=60"))
    await writer.drain()

    writer.close()

    await until(lambda: caller.records)
    assert caller.records[0]["how"] == "client_gone"
    assert caller.records[0]["bytes_sent"] == 0


async def test_a_client_that_does_not_read_holds_the_answer_back(caller, simulator, until):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", simulator.port))
    connection.sendall(request_bytes("tiny+tokens=100000"))
    await asyncio.to_thread(connection.recv, 100)

    connection.close()

    await until(lambda: caller.records)
    (record,) = caller.records
    assert record["how"] == "client_gone"
    assert 0 < record["tokens_sent"] < 100_000
