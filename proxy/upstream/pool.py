"""The connections to one origin, kept open between calls."""

import asyncio
import ssl
from contextlib import suppress

from aiohappyeyeballs import start_connection

from proxy.upstream.addresses import Addresses, Origin
from proxy.upstream.connection import Connection, Patience
from proxy.upstream.reader import BrokenOff

MOST_KEPT = 256
KEPT_S = 15.0  # below what servers and middle boxes keep idle connections for
NEXT_ADDRESS_S = 0.25  # RFC 8305: how long one address is tried alone


class Pool:
    """Hands out connections, the last used first, so that the others may grow old and be closed."""

    def __init__(
        self,
        origin: Origin,
        *,
        allow_private: bool,
        connect_timeout_s: float,
        patience: Patience,
        tls: ssl.SSLContext,
    ) -> None:
        self._origin = origin
        self._addresses = Addresses(origin, allow_private=allow_private)
        self._connect_timeout_s = connect_timeout_s
        self._patience = patience
        self._tls = tls if origin.is_secure else None
        self._idle: dict[Connection, float] = {}  # since when; the oldest first
        self._sweeper: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def ask(self, head: bytes, body: bytes, *, is_plain: bool) -> Connection:
        """Send a request; the connection comes back with the head of the answer read.

        A kept connection may have been closed at the other side just now: when not a byte of an answer came,
        the request is sent once more, on a fresh one. Raises BrokenOff, Stalled, TimeoutError or OSError.
        """
        while self._idle:
            kept, _ = self._idle.popitem()
            if not kept.is_open:
                continue
            try:
                await kept.ask(head, body, is_plain=is_plain)
            except BrokenOff:
                if not kept.is_silent:
                    raise
                break
            return kept
        fresh = await self._connect()
        await fresh.ask(head, body, is_plain=is_plain)
        return fresh

    def give_back(self, connection: Connection) -> None:
        """Take a connection back, whatever state it is in."""
        if self._is_closed or len(self._idle) >= MOST_KEPT:
            connection.close()
        elif connection.rest():
            loop = asyncio.get_running_loop()
            self._idle[connection] = loop.time()
            if self._sweeper is None:
                self._sweeper = loop.call_later(KEPT_S, self._sweep)

    def close(self) -> None:
        """Close what is idle now, and each of the others when it is given back."""
        self._is_closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._idle):
            connection.close()
        self._idle.clear()

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._connect_timeout_s):
            infos = await self._addresses.find()
            socket = await start_connection(infos, happy_eyeballs_delay=NEXT_ADDRESS_S)
            try:
                _, connection = await loop.create_connection(
                    lambda: Connection(self._patience, on_lost=self._forget),
                    sock=socket,
                    ssl=self._tls,
                    server_hostname=self._origin.host if self._tls else None,
                )
            except BaseException:
                socket.close()
                raise
        return connection

    def _forget(self, connection: Connection) -> None:
        self._idle.pop(connection, None)

    def _sweep(self) -> None:
        """Close what has been idle for long, and come back when the next one has."""
        loop = asyncio.get_running_loop()
        self._sweeper = None
        for connection, since in list(self._idle.items()):
            left_s = since + KEPT_S - loop.time()
            if left_s > 0:
                self._sweeper = loop.call_later(left_s, self._sweep)
                break
            with suppress(KeyError):
                del self._idle[connection]
            connection.close()
