"""One server and its connections, kept up in the background."""

import asyncio
from collections.abc import Callable
from typing import Literal, get_args

import structlog

from proxy.store.address import Address
from proxy.store.connection import Connection
from proxy.store.errors import Away
from proxy.store.handshake import Identity, Timeouts, connect

# A lane is a connection of its own, so that a batch of one kind never delays a command of the other.
Lane = Literal["admit", "settle"]
LANES: tuple[Lane, ...] = get_args(Lane)
PAUSE_FIRST_S, PAUSE_LAST_S = 0.05, 1.0
_log = structlog.get_logger()


class Server:
    """A primary. A lane is in `lanes` while it is connected; a replica is refused.

    `run_id` says which life of the server this is. It is known once all lanes are connected to the same, and
    until none is.
    """

    def __init__(self, address: Address, timeouts: Timeouts, *, on_change: Callable[[], None]) -> None:
        self.address = address
        self.lanes: dict[Lane, Connection] = {}
        self.run_id: str | None = None
        self.fault: str | None = None  # why the last attempt to connect failed
        self._timeouts, self._on_change = timeouts, on_change
        self._run_ids: dict[Lane, str] = {}
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
        self.lanes[lane], self._run_ids[lane] = connection, identity.run_id
        self.fault = None
        for other, run_id in self._run_ids.items():
            if run_id != identity.run_id:  # of a server that was replaced
                self.lanes[other].close()
        self._identify()
        try:
            await connection.lost.wait()
        finally:
            connection.close()
            del self.lanes[lane], self._run_ids[lane]
            self._identify()

    def _identify(self) -> None:
        found = set(self._run_ids.values())
        agreed = found.pop() if len(found) == 1 else None
        self.run_id = agreed if len(self.lanes) == len(LANES) or agreed == self.run_id else None
        self._on_change()

    def _tell(self, fault: str) -> None:
        """Log what is wrong once, not at every attempt."""
        if fault != self.fault:
            _log.warning("store_unreachable", server=str(self.address), error=fault)
        self.fault = fault
        self._on_change()
