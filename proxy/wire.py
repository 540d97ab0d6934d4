"""The client's side of a call: bytes straight to its connection.

aiohttp reads the request; what answers it is written here. Its own response objects took 27 us of CPU a call,
which was more than a third of all that receiving a call and answering it costs.
"""

import asyncio
import functools
import time
from collections.abc import Mapping
from email.utils import formatdate

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

from proxy.running import ClientGone

END = b"0\r\n\r\n"


class Written(web.StreamResponse):
    """What a handler returns when all is written already: there is nothing left to prepare or to send."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._keeps = keep_alive

    @property
    def keep_alive(self) -> bool:
        return self._keeps

    async def prepare(self, _request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, _data: bytes = b"") -> None:
        return None


KEPT, CLOSED = Written(keep_alive=True), Written(keep_alive=False)


class Wire:
    """Writes one answer. What it writes waits in memory until the client takes it: look at `is_behind`."""

    def __init__(self, request: web.Request, *, patience_s: float) -> None:
        if request.transport is None:
            raise ClientGone
        self._transport = request.transport
        self._protocol = request.protocol
        self._writer = request.writer
        self._patience_s = patience_s
        self._chunks = request.version == HttpVersion11  # older clients read until the end of the connection
        self._keep_alive = request.keep_alive and self._chunks
        self.has_begun = False

    def send(self, body: bytes, fields: Mapping[str, str]) -> None:
        """Send a whole answer."""
        self._begin(fields, f"Content-Length: {len(body)}\r\n", body)

    def begin(self, first: bytes, fields: Mapping[str, str]) -> None:
        """Begin an answer that is written piece by piece, with its first piece."""
        self._begin(fields, "Transfer-Encoding: chunked\r\n" if self._chunks else "", self._framed(first))

    def write(self, piece: bytes) -> None:
        """Write a piece of an answer that has begun. For a client that left it goes nowhere."""
        if not self._transport.is_closing():
            self._transport.write(self._framed(piece))

    def end(self, last: bytes) -> None:
        """Write the last piece of an answer."""
        if not self._transport.is_closing():
            self._transport.write(self._framed(last) + END if self._chunks else last)

    @property
    def is_behind(self) -> bool:
        """Say whether the client takes less than it is given."""
        return self._protocol.writing_paused

    async def drained(self) -> None:
        """Wait for a client that is behind; one that takes nothing for too long is as good as gone."""
        if not self.is_behind:
            return
        try:
            async with asyncio.timeout(self._patience_s):
                await self._writer.drain()
        except (TimeoutError, ConnectionError) as error:
            raise ClientGone from error

    def cut(self) -> None:
        """Break off: half an answer must not look whole."""
        self._transport.abort()

    def written(self) -> Written:
        return KEPT if self._keep_alive else CLOSED

    def _begin(self, fields: Mapping[str, str], framing: str, body: bytes) -> None:
        self.has_begun = True
        lines = "".join([f"{name}: {value}\r\n" for name, value in fields.items()])
        closing = "" if self._keep_alive else "Connection: close\r\n"
        date = _http_date(int(time.time()))
        head = f"HTTP/1.1 200 OK\r\n{lines}{framing}{closing}Date: {date}\r\n\r\n"
        if not self._transport.is_closing():
            self._transport.write(head.encode() + body)

    def _framed(self, piece: bytes) -> bytes:
        if not piece or not self._chunks:  # an empty chunk would be the end
            return piece
        return b"%x\r\n%b\r\n" % (len(piece), piece)


@functools.lru_cache(maxsize=1)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)
