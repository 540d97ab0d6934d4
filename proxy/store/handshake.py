"""Opening a connection and asking who is at the other end."""

import asyncio
from dataclasses import dataclass
from typing import Self

from hiredis import ReplyError

from proxy.store.address import Address
from proxy.store.connection import Connection, Reply
from proxy.store.errors import Away, Broken
from proxy.store.wire import command

WHO = (command("INFO", "server"), command("INFO", "replication"))


@dataclass(frozen=True, slots=True)
class Timeouts:
    answer_s: float
    connect_s: float


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a server says it is. Its `life` is another each time it starts, and each time it is promoted: what
    was a replica may have lost what it knew.
    """

    life: str  # run_id:master_replid
    clustered: bool
    primary: bool

    @classmethod
    def from_info(cls, *sections: Reply) -> Self:
        lines = b"\n".join(text for text in sections if isinstance(text, bytes)).decode(errors="replace")
        said = dict(line.strip().partition(":")[::2] for line in lines.splitlines())
        if not said.get("run_id"):
            raise Broken("INFO names no run_id")
        mode = said.get("redis_mode") or said.get("server_mode")  # Redis, Valkey
        life = f"{said['run_id']}:{said.get('master_replid', '')}"
        return cls(life, clustered=mode == "cluster", primary=said.get("role") == "master")


async def connect(address: Address, timeouts: Timeouts) -> tuple[Connection, Identity]:
    """Open a connection, sign in and ask for the server's identity. Raises Away or Broken."""
    connection = Connection(timeout_s=timeouts.answer_s)
    try:
        async with asyncio.timeout(timeouts.connect_s):
            await _open(connection, address)
            identity = await _introduce(connection, address)
    except BaseException as error:
        connection.close()
        if isinstance(error, OSError):  # TimeoutError is one, and says nothing itself
            raise Away(f"no connection ({str(error) or 'no answer in time'})") from None
        raise
    return connection, identity


async def _open(connection: Connection, address: Address) -> None:
    loop = asyncio.get_running_loop()
    if address.path is not None:
        await loop.create_unix_connection(lambda: connection, address.path)
    else:
        await loop.create_connection(lambda: connection, address.host, address.port, ssl=address.tls)


async def _introduce(connection: Connection, address: Address) -> Identity:
    """One round trip for all of it."""
    return await identify(connection, *address.sign_in())


async def identify(connection: Connection, *before: bytes) -> Identity:
    """Ask the server who it is, after commands that must succeed. Raises Away or Broken."""
    replies = await asyncio.gather(*(connection.send(words) for words in (*before, *WHO)))
    for reply in replies:
        if isinstance(reply, ReplyError):
            raise Broken(str(reply))
    return Identity.from_info(*replies[-len(WHO) :])
