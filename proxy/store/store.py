"""The store: runs scripts where their tag belongs, and only while the servers are the allowed ones."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias, cast

import structlog
from hiredis import ReplyError

from core.counters.script import Script
from proxy.store.address import Address
from proxy.store.connection import Connection, Reply
from proxy.store.errors import Away, Broken, Fenced
from proxy.store.handshake import Timeouts
from proxy.store.primaries import Primaries
from proxy.store.server import Lane, Server
from proxy.store.wire import Word, command

Answer: TypeAlias = "bytes | int | list[Answer] | None"
MOVED = ("MOVED", "ASK", "TRYAGAIN")
_log = structlog.get_logger()


class Store:
    """Redis or Valkey.

    `allowed` is the fingerprint of the servers the owner trusts: while it is not that of the servers there
    are, nothing is sent but what is `unfenced`. A server that restarted, or that stands in another's place,
    has another fingerprint.
    """

    def __init__(self, url: str, *, timeout_s: float = 0.25, connect_timeout_s: float = 1.0) -> None:
        self.allowed: str | None = None
        self._timeouts = Timeouts(answer_s=timeout_s, connect_s=connect_timeout_s)
        self._primaries = Primaries(Address.from_url(url), self._timeouts)

    @property
    def fingerprint(self) -> str | None:
        """The lives of all primaries, sorted, joined by commas; None while one is missing."""
        return self._primaries.fingerprint

    @property
    def servers(self) -> tuple[Server, ...]:
        return tuple(self._primaries)

    def on_change(self, call: Callable[[], None]) -> None:
        """Call this, from the loop, each time the fingerprint has become another."""
        self._primaries.on_change = call

    async def open(self) -> None:
        """Connect. What takes longer than the time-out goes on in the background."""
        self._primaries.start()
        try:
            async with asyncio.timeout(self._timeouts.connect_s):
                await self._primaries.found.wait()
        except TimeoutError:
            _log.warning("store_opened_unconnected")

    async def close(self) -> None:
        """Drop all connections; who still waits for an answer gets Away."""
        await self._primaries.stop()

    async def run(
        self,
        script: Script,
        *,
        tag: str,
        keys: Sequence[bytes],
        args: Sequence[bytes],
        lane: Lane = "bulk",
        unfenced: bool = False,
    ) -> Answer:
        """Run a script on the server of this tag: one round trip, two more when it does not know the script.

        Raises Away, Fenced or Broken.
        """
        connection = self._connection(tag, lane, unfenced=unfenced)
        words = command("EVALSHA", script.sha, len(keys), *keys, *args)
        reply = await connection.send(words)
        if not isinstance(reply, ReplyError):
            return cast("Answer", reply)
        if str(reply).startswith("NOSCRIPT"):
            self._answer(await connection.send(command("SCRIPT", "LOAD", script.source)), connection)
            self._check(unfenced=unfenced)  # the owner may have changed its mind meanwhile
            reply = await connection.send(words)
        return self._answer(reply, connection)

    def send(
        self,
        script: Script,
        *,
        tag: str,
        keys: Sequence[bytes],
        args: Sequence[bytes],
        lane: Lane = "bulk",
        lazy: bool = False,
    ) -> "asyncio.Future[Reply]":
        """Run a script and leave it to the caller to look at the reply, an error of the server among them.

        It is an error too when the server does not know the script. Raises Away or Fenced.
        """
        connection = self._connection(tag, lane, unfenced=False)
        return connection.send(command("EVALSHA", script.sha, len(keys), *keys, *args), lazy=lazy)

    async def command(
        self, where: str | Server, name: str, *words: Word, lane: Lane = "bulk", unfenced: bool = False
    ) -> Answer:
        """Send one command, which must have exactly one answer, to this server or to that of the tag."""
        connection = self._connection(where, lane, unfenced=unfenced)
        return self._answer(await connection.send(command(name, *words)), connection)

    def _check(self, *, unfenced: bool) -> None:
        fingerprint = self._primaries.fingerprint
        if not unfenced and (fingerprint is None or fingerprint != self.allowed):
            raise Fenced(
                "a server is missing" if fingerprint is None else "these are not the allowed servers"
            )

    def _connection(self, where: str | Server, lane: Lane, *, unfenced: bool) -> Connection:
        self._check(unfenced=unfenced)
        server = where if isinstance(where, Server) else self._primaries.of(where)
        if server is None:
            raise Away("no server is known for this tag")
        connection = server.lanes.get(lane)
        if connection is None:
            raise Away("not connected")
        return connection

    def _answer(self, reply: Reply, connection: Connection) -> Answer:
        if not isinstance(reply, ReplyError):
            return cast("Answer", reply)
        broken = Broken(str(reply))
        if broken.code in MOVED:
            self._primaries.look_again()
            raise Away(str(reply))
        if broken.code == "CLUSTERDOWN":
            self._primaries.look_again()
        if broken.code == "READONLY":  # a replica now
            self._primaries.reconnect(connection)
        raise broken
