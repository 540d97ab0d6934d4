"""Providers by hand, byte for byte, and a pool of connections to them."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from proxy.upstream.addresses import Origin
from proxy.upstream.connection import Patience
from proxy.upstream.pool import Pool

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\nok"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ASK = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
BODY = b"a request"


def pytest_asyncio_loop_factories(item):
    """Connections are tried on the loop the relay runs on, and on the one it is tested on elsewhere."""
    if item.path.name == "test_offers.py":
        return {"uvloop": uvloop.new_event_loop}
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@dataclass
class Visit:
    """One connection a provider was given."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    async def request(self) -> bytes:
        """The body of the next request."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return await self.reader.readexactly(length)

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def left(self) -> None:
        """Wait until the other side closes."""
        try:
            while await self.reader.read(1 << 16):
                pass
        except ConnectionError:
            return


@dataclass
class ByHand:
    """A provider whose every byte the test says."""

    talk: Callable[[Visit], Awaitable[None]]
    visits: list[Visit] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    port: int = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = Visit(reader, writer, len(self.visits))
        self.visits.append(visit)
        try:
            await self.talk(visit)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            self.errors.append(error)
        finally:
            writer.close()


@pytest.fixture
async def by_hand():
    """Starts providers."""
    servers = []

    async def start(talk, **options):
        provider = ByHand(talk)
        server = await asyncio.start_server(provider.take, "127.0.0.1", 0, **options)
        servers.append(server)
        provider.port = server.sockets[0].getsockname()[1]
        return provider

    yield start
    for server in servers:
        server.close()


@pytest.fixture
async def pool_to():
    """Makes pools with short deadlines."""
    pools = []

    def make(port: int, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, **patience: Any) -> Pool:
        limits = {"first_byte_s": 2.0, "plain_s": 2.0, "idle_s": 2.0, "total_s": 5.0, **patience}
        pool = Pool(
            Origin(tls is not None, host, port),
            allow_private=True,
            connect_timeout_s=2.0,
            patience=Patience(**limits),
            tls=tls or ssl.create_default_context(),
        )
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        pool.close()


async def ask(pool: Pool, body: bytes = BODY, *, is_plain: bool = False) -> Any:
    async with asyncio.timeout(20):
        return await pool.ask(ASK % len(body), body, is_plain=is_plain)


@dataclass
class Taken:
    """A receiver that keeps what it gets."""

    data: bytes = b""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    def received(self, data: bytes) -> None:
        assert not self.over.is_set()
        self.data += data

    def ended(self, error: Exception | None) -> None:
        assert not self.over.is_set()
        self.error = error
        self.over.set()
