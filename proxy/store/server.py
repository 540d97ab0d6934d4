"""One server and its connections, kept up in the background."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, get_args

import structlog

from proxy.store.address import Address
from proxy.store.connection import Connection
from proxy.store.errors import Away, Broken
from proxy.store.handshake import Identity, Timeouts, connect, identify

# A lane is a connection of its own. What calls wait for goes in one, and in it their settlements: so a call
# that is sent after an answer finds what that cost. What comes in batches goes in the other, and delays none.
Lane = Literal["calls", "bulk"]
LANES: tuple[Lane, ...] = get_args(Lane)
PAUSE_FIRST_S, PAUSE_LAST_S = 0.05, 1.0
ASK_S = 1.0  # between questions whether a server is still who it was
_log = structlog.get_logger()


class Server:
    """A primary. A lane is in `lanes` while it is connected; a replica is refused.

    `life` says which life of the server this is. It is known once all lanes are connected to the same, and
    until none is. A server that is promoted keeps its connections: it is asked again and again.
    """

    def __init__(self, address: Address, timeouts: Timeouts, *, on_change: Callable[[], None]) -> None:
        self.address = address
        self.lanes: dict[Lane, Connection] = {}
        self.life: str | None = None
        self.fault: str | None = None  # why the last attempt to connect failed
        self._timeouts, self._on_change = timeouts, on_change
        self._lives: dict[Lane, str] = {}
        self._tasks = [asyncio.create_task(self._keep_up(lane)) for lane in LANES]

    def reconnect(self) -> None:
        for connection in self.lanes.values():
            connection.close()

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def stopped(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_up(self, lane: Lane) -> None:
        pause_s = PAUSE_FIRST_S
        while True:
            try:
                connection, identity = await self._connect()
            except Exception as error:  # noqa: BLE001  # whatever it is, the next attempt may do better
                self._tell(str(error) or type(error).__name__)
            else:
                pause_s = PAUSE_FIRST_S
                await self._serve(lane, connection, identity)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_LAST_S)

    async def _connect(self) -> tuple[Connection, Identity]:
        connection, identity = await connect(self.address, self._timeouts)
        if not identity.primary:
            connection.close()
            raise Away("not a primary")
        return connection, identity

    async def _serve(self, lane: Lane, connection: Connection, identity: Identity) -> None:
        """Have the connection in service until it is lost."""
        self.lanes[lane], self._lives[lane] = connection, identity.life
        self.fault = None
        for other, life in self._lives.items():
            if life != identity.life:  # of a server that was replaced
                self.lanes[other].close()
        self._identify()
        try:
            await _until_changed(connection, identity)
        finally:
            connection.close()
            del self.lanes[lane], self._lives[lane]
            self._identify()

    def _identify(self) -> None:
        found = set(self._lives.values())
        agreed = found.pop() if len(found) == 1 else None
        self.life = agreed if len(self.lanes) == len(LANES) or agreed == self.life else None
        self._on_change()

    def _tell(self, fault: str) -> None:
        """Log what is wrong once, not at every attempt."""
        if fault != self.fault:
            _log.warning("store_unreachable", server=str(self.address), error=fault)
        self.fault = fault
        self._on_change()


async def _until_changed(connection: Connection, identity: Identity) -> None:
    """Wait until the connection is lost, or the server is not who it said it was."""
    while not connection.lost.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(ASK_S):
                await connection.lost.wait()
        try:
            if await identify(connection) != identity:
                return
        except Away:  # slow, or lost: the connection itself knows when it is dead
            continue
        except Broken:
            return
