"""What a client makes of the bytes it got, however many those are."""

import asyncio
import json

import pytest

from tests.chaos.client import Seen, ask, call, understand, words

HEAD = b"HTTP/1.1 200 OK\r\nX-Request-Id: r1\r\nContent-Type: %s\r\n%s\r\n\r\n"
EVENTS = (
    {"choices": [{"delta": {"role": "assistant", "content": ""}}]},
    {"choices": [{"delta": {"content": "abc"}}]},
    {"choices": [{"delta": {"content": " abc"}}]},
    {"choices": [], "usage": {"cost": 0.0000594}},
)


@pytest.fixture
def seen():
    return Seen(proxy="http://127.0.0.1:1", secret="s", model="m", stream=True)


def streamed(events, *, end=b"data: [DONE]\n\n"):
    pieces = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events] + [end]
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece)
    return HEAD % (b"text/event-stream", b"Transfer-Encoding: chunked") + body


def test_a_whole_stream_is_understood(seen):
    understand(seen, streamed(EVENTS) + b"0\r\n\r\n")

    assert (seen.status, seen.request_id, seen.tokens, seen.cost_n) == (200, "r1", 2, 59_400)
    assert seen.is_complete


@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", b""])
def test_a_stream_without_its_end_is_not_complete(seen, end):
    understand(seen, streamed(EVENTS[:2], end=end))

    assert (seen.tokens, seen.cost_n, seen.is_complete) == (1, None, False)


def test_any_part_of_an_answer_can_be_understood(seen):
    raw = streamed(EVENTS) + b"0\r\n\r\n"

    tokens = []
    for size in range(len(raw) + 1):
        seen.tokens = 0
        understand(seen, raw[:size])
        tokens.append(seen.tokens)

    assert tokens == sorted(tokens)
    assert tokens[-1] == 2


def test_an_error_in_mid_stream_is_noted(seen):
    error = {"code": 402, "message": "no credits"}
    event = {
        "choices": [{"delta": {"content": ""}, "finish_reason": "error", "error": error}],
        "usage": {"cost": 0},
    }

    understand(seen, streamed([event]) + b"0\r\n\r\n")

    assert (seen.error, seen.cost_n, seen.is_complete) == (error, 0, True)


def test_a_plain_answer_is_understood_when_it_is_whole(seen):
    body = json.dumps(
        {"choices": [{"message": {"content": "abc abc"}}], "usage": {"cost": 0.00000055}}
    ).encode()
    raw = HEAD % (b"application/json", b"Content-Length: %d" % len(body)) + body

    understand(seen, raw[:-1])
    assert (seen.status, seen.tokens, seen.is_complete) == (200, 0, False)

    understand(seen, raw)
    assert (seen.tokens, seen.cost_n, seen.is_complete) == (2, 550, True)


async def test_nobody_answers_where_nobody_listens(seen):
    await call(seen, ask("m", 1, stream=True))

    assert (seen.status, seen.has_left, seen.received) == (None, False, 0)
    assert seen.ended_at >= seen.asked_at > 0


@pytest.mark.parametrize(("how", "told"), [("close", "closed"), ("abort", "reset")])
async def test_a_client_leaves_after_so_many_bytes(seen, how, told):
    ends = asyncio.Queue()

    async def answer(reader, writer):
        await reader.readuntil(b"}]")
        writer.write(b"x" * 100)
        await writer.drain()
        try:
            await reader.read()
            ends.put_nowait("closed")
        except ConnectionResetError:
            ends.put_nowait("reset")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    seen.proxy = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    await call(seen, ask("m", 1, stream=True), leave_after=40, how=how)

    assert (seen.received, seen.has_left) == (40, True)
    assert await asyncio.wait_for(ends.get(), 20) == told
    server.close()


def test_words_are_of_four_bytes_each():
    assert len(words(25).encode()) == 25 * 4 - 1
