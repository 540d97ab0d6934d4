import asyncio
from random import Random

import pytest

from tests.chaos.processes import until
from tests.chaos.wire import SOUND, Fault, Wire, abort

COARSE_S = 0.002  # the clock of a wire's loop counts milliseconds, and there are two ways


class Echo:
    """A server that answers each line with itself, and remembers."""

    def __init__(self):
        self.lines = []
        self.ends = []

    async def handle(self, reader, writer):
        try:
            while line := await reader.readline():
                self.lines.append(line)
                writer.write(line)
                await writer.drain()
            self.ends.append("closed")
        except ConnectionError:
            self.ends.append("reset")
        finally:
            writer.close()


@pytest.fixture
async def echo():
    echo = Echo()
    server = await asyncio.start_server(echo.handle, "127.0.0.1", 0)
    echo.port = server.sockets[0].getsockname()[1]
    yield echo
    server.close()


@pytest.fixture
def wire(echo):
    made = Wire(echo.port, chance=Random(1))
    yield made
    made.close()


class Speaker:
    """The near side of one connection."""

    def __init__(self, wire, reader, writer):
        self.wire, self.reader, self.writer = wire, reader, writer

    async def __call__(self, line):
        self.writer.write(line)
        async with asyncio.timeout(20):
            return await self.reader.readline()

    async def in_vain(self, line):
        """Say what gets no answer. The wire has taken it by then."""
        taken = self.wire.taken
        self.writer.write(line)
        await until(lambda: self.wire.taken >= taken + len(line), within_s=20)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await self.reader.readline()


@pytest.fixture
async def say(wire):
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    yield Speaker(wire, reader, writer)
    writer.close()


async def test_a_sound_wire_passes_all(say, echo):
    assert await say(b"one\n") == b"one\n"
    assert await say(b"two\n") == b"two\n"
    assert echo.lines == [b"one\n", b"two\n"]


async def test_a_dropping_wire_swallows_both_ways_and_keeps_the_connection(say, wire, echo):
    wire.fault = Fault(drop=True)

    await say.in_vain(b"one\n")

    assert (echo.lines, echo.ends) == ([], [])
    wire.fault = SOUND
    assert await say(b"two\n") == b"two\n"


async def test_a_slow_wire_delays(say, wire):
    wire.fault = Fault(delay_s=0.1)
    began = asyncio.get_running_loop().time()

    assert await say(b"one\n") == b"one\n"

    assert asyncio.get_running_loop().time() - began >= 0.2 - COARSE_S


async def test_a_throttled_wire_takes_its_time_by_the_byte(say, wire):
    wire.fault = Fault(bytes_per_s=100)
    began = asyncio.get_running_loop().time()

    assert await say(b"123456789\n") == b"123456789\n"

    assert asyncio.get_running_loop().time() - began >= 0.2 - COARSE_S


async def test_a_wire_cuts_after_so_many_bytes_of_replies(say, wire, echo):
    wire.fault = Fault(cut_after=7)

    assert await say(b"one\n") == b"one\n"
    assert await say(b"two\n") == b"two"

    assert echo.lines == [b"one\n", b"two\n"]


async def test_a_wire_resets(say, wire, echo):
    assert await say(b"one\n") == b"one\n"
    wire.fault = Fault(reset=True)

    with pytest.raises(ConnectionResetError):
        await say(b"two\n")

    assert echo.lines == [b"one\n"]


async def test_a_reset_by_one_side_reaches_the_other(wire, echo):
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    writer.write(b"one\n")
    assert await reader.readline() == b"one\n"

    abort(writer)

    await until(lambda: echo.ends, within_s=20)
    assert echo.ends == ["reset"]


async def test_of_a_half_open_connection_only_the_far_side_knows(say, wire, echo):
    assert await say(b"one\n") == b"one\n"
    wire.fault = Fault(half_open=True)

    await say.in_vain(b"two\n")

    await until(lambda: echo.ends, within_s=20)
    assert echo.ends == ["reset"]


async def test_a_lost_reply_is_one_to_a_request_that_was_done(say, wire, echo):
    wire.fault = Fault(lose=1.0)

    with pytest.raises(ConnectionResetError):
        await say(b"one\n")

    assert (echo.lines, wire.lost) == ([b"one\n"], 1)


async def test_a_reply_can_be_lost_without_a_word(say, wire, echo):
    wire.fault = Fault(lose=1.0, silently=1.0)

    await say.in_vain(b"one\n")

    await until(lambda: wire.lost, within_s=20)
    assert (echo.lines, wire.lost) == ([b"one\n"], 1)


async def test_a_wire_can_be_deaf_to_one_request(say, wire, echo):
    wire.fault = Fault(deaf_to=b"two")

    assert await say(b"one\n") == b"one\n"
    await say.in_vain(b"two\n")
    await say.in_vain(b"three\n")

    assert (echo.lines, echo.ends, wire.lost) == ([b"one\n"], [], 1)


async def test_the_same_seed_loses_the_same_replies(echo):
    async def losses():
        wire = Wire(echo.port, chance=Random("the same"))
        wire.fault = Fault(lose=0.3)
        kept = []
        for _ in range(30):
            reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
            writer.write(b"x\n")
            try:
                kept.append(await reader.readline())
            except ConnectionResetError:
                kept.append(None)
            writer.close()
        wire.close()
        return kept

    first = await losses()

    assert None in first
    assert first == await losses()


async def test_a_repointed_wire_leads_to_the_other_server(say, wire, echo):
    other = Echo()
    server = await asyncio.start_server(other.handle, "127.0.0.1", 0)
    assert await say(b"one\n") == b"one\n"

    wire.repoint(server.sockets[0].getsockname()[1])

    with pytest.raises(ConnectionResetError):
        await say(b"two\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    writer.write(b"three\n")
    assert await reader.readline() == b"three\n"
    writer.close()
    server.close()
    assert (echo.lines, other.lines) == ([b"one\n"], [b"three\n"])


async def test_a_wire_to_nowhere_resets():
    wire = Wire(1, chance=Random(1))

    with pytest.raises(ConnectionResetError):
        await knock(wire.port)

    wire.close()


async def knock(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await reader.readexactly(1)
    finally:
        writer.close()
