"""All primaries there are: one server that stands alone, or those of a cluster, followed as it changes."""

import asyncio
from collections.abc import Callable, Iterator

import structlog

from proxy.store.address import Address
from proxy.store.connection import Connection
from proxy.store.handshake import Timeouts, connect
from proxy.store.server import PAUSE_FIRST_S, PAUSE_LAST_S, Server
from proxy.store.slots import Slots
from proxy.store.wire import command

_log = structlog.get_logger()


class Primaries:
    """Keeps a connection to each, and knows which tag belongs to which.

    `fingerprint` says which lives of which servers these are: sorted, joined by commas. It is
    None while one of them is missing or a slot has none.
    """

    def __init__(self, seed: Address, timeouts: Timeouts) -> None:
        self.fingerprint: str | None = None
        self.on_change: Callable[[], None] = lambda: None
        self.found = asyncio.Event()  # set while there is a fingerprint
        self._seed, self._timeouts = seed, timeouts
        self._slots = Slots(())
        self._servers: dict[Address, Server] = {}
        self._routes: dict[str, Server] = {}
        self._stale = asyncio.Event()
        self._tending: asyncio.Task[None] | None = None
        self._fault: str | None = None

    def __iter__(self) -> Iterator[Server]:
        return iter(self._servers.values())

    def start(self) -> None:
        self._tending = asyncio.create_task(self._tend())

    async def stop(self) -> None:
        servers = list(self)
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)
        self._adopt(Slots(()))
        for server in servers:
            await server.stopped()

    def reconnect(self, connection: Connection) -> None:
        """The server behind this connection is no longer what it was: ask it again who it is."""
        for server in self:
            if connection in server.lanes.values():
                server.reconnect()

    def look_again(self) -> None:
        """The picture of the slots is old: ask for a new one."""
        self._stale.set()

    def of(self, tag: str) -> Server | None:
        """The server this tag belongs to."""
        return self._routes.get(tag) or self._route(tag)

    def _route(self, tag: str) -> Server | None:
        address = self._slots.primary_of(tag)
        if address is None:
            return None
        self._routes[tag] = server = self._servers[address]  # until the slots move
        return server

    async def _tend(self) -> None:
        pause_s = PAUSE_FIRST_S
        while True:
            self._stale.clear()
            slots = await self._look_up()
            if slots is not None:
                self._adopt(slots)
            whole = slots is not None and slots.complete
            await asyncio.sleep(pause_s)
            pause_s = PAUSE_FIRST_S if whole else min(2 * pause_s, PAUSE_LAST_S)
            if whole:
                await self._stale.wait()

    async def _look_up(self) -> Slots | None:
        """Ask the servers we know for the slots. Takes the first whole picture, else any."""
        partial = None
        for address in self._known():
            try:
                slots = await self._ask(address)
            except Exception as error:  # noqa: BLE001  # whatever it is, the next server may do better
                self._tell(address, error)
                continue
            self._fault = None
            if slots.complete:
                return slots
            partial = partial or slots
        return partial

    def _known(self) -> list[Address]:
        """Whom to ask: those that are connected first, at last the one we were given at the start."""
        servers = sorted(self, key=lambda server: server.life is None)
        return list(dict.fromkeys([*(server.address for server in servers), self._seed]))

    async def _ask(self, address: Address) -> Slots:
        connection, identity = await connect(address, self._timeouts)
        try:
            if not identity.clustered:
                return Slots.all_of(address)
            reply = await connection.send(command("CLUSTER", "SLOTS"))
            return Slots.from_reply(reply, asked=address)
        finally:
            connection.close()

    def _adopt(self, slots: Slots) -> None:
        for address in slots.primaries - self._servers.keys():
            self._servers[address] = Server(address, self._timeouts, on_change=self._notice)
        for address in self._servers.keys() - slots.primaries:
            self._servers.pop(address).stop()
        self._slots = slots
        self._routes.clear()
        self._notice()

    def _notice(self) -> None:
        """Something about a server changed."""
        lives = [server.life for server in self]
        there = [life for life in lives if life is not None]
        whole = self._slots.complete and len(there) == len(lives)
        fingerprint = ",".join(sorted(there)) if whole else None
        if any(server.fault is not None for server in self):
            self._stale.set()
        if fingerprint == self.fingerprint:
            return
        self.fingerprint = fingerprint
        if fingerprint is not None:
            self.found.set()
            _log.info("store_connected", fingerprint=fingerprint)
        else:
            self.found.clear()
            if lives:  # else it is we who leave
                _log.warning("store_incomplete", servers=len(lives), connected=len(there))
        asyncio.get_running_loop().call_soon(self.on_change)

    def _tell(self, address: Address, error: Exception) -> None:
        """Log what is wrong once, not at every attempt."""
        fault = f"{address}: {error}"
        if fault != self._fault:
            self._fault = fault
            _log.warning("store_slots_unknown", server=str(address), error=str(error))
