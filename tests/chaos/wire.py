"""A TCP proxy between two parts that spoils what passes: it swallows, delays, cuts, resets, throttles, loses replies.

Runs in a thread with a loop of its own, so that a busy test does not slow it down, and a blocking one does not stop it.
"""

import asyncio
import socket
import struct
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from threading import Thread
from typing import Any

import uvloop

LOOPBACK = "127.0.0.1"
PIECE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a wire. Without arguments: nothing. Each may be combined with each.

    `drop` swallows everything, both ways. `half_open` closes the far side and does not tell the near one.
    `cut_after` ends a connection after so many bytes of replies, `reset` at the next byte of either side.
    `lose` is the probability that a reply is lost: the far side has done what was asked, the near side sees
    its connection reset, or nothing at all when `silently`. `deaf_to`: a request with these bytes in it is
    the last thing a connection carries, and does not arrive.
    """

    drop: bool = False
    delay_s: float = 0.0
    bytes_per_s: float | None = None
    cut_after: int | None = None
    reset: bool = False
    half_open: bool = False
    lose: float = 0.0
    silently: float = 0.0
    deaf_to: bytes | None = None


SOUND = Fault()


class Link:
    """One connection through a wire: the near side asked for it, the far side is the target."""

    def __init__(self, wire: "Wire", near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.wire, self.near, self.far = wire, near, far
        self.replied = 0
        self.is_deaf = False  # once something was lost silently, nothing may follow it

    async def pump(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        """Pass on one direction until its end. A reset of one side is one of the other."""
        is_reply = to is self.near
        try:
            while piece := await source.read(PIECE):
                if not await self._pass(piece, to, is_reply=is_reply):
                    return
        except ConnectionError:
            self.reset()
            return
        fault = self.wire.fault
        if not to.is_closing() and not fault.drop and not (is_reply and fault.half_open):
            to.write_eof()

    async def _pass(self, piece: bytes, to: asyncio.StreamWriter, *, is_reply: bool) -> bool:
        """Send one piece on as the fault of this moment has it; False ends the direction."""
        fault = self.wire.fault
        self.wire.taken += len(piece)
        if fault.half_open:
            abort(self.far)
        if not is_reply and fault.deaf_to is not None and fault.deaf_to in piece:
            self.wire.lost += 1
            self.is_deaf = True
        if fault.drop or self.is_deaf or fault.half_open:
            return True
        if is_reply and fault.lose and self.wire.chance.random() < fault.lose:
            self.wire.lost += 1
            self.is_deaf = self.wire.chance.random() < fault.silently
            if not self.is_deaf:
                self.reset()
            return self.is_deaf
        if fault.reset:
            self.reset()
            return False
        await asyncio.sleep(fault.delay_s + (len(piece) / fault.bytes_per_s if fault.bytes_per_s else 0))
        if to.is_closing():
            return False
        if is_reply:
            left = len(piece) if fault.cut_after is None else max(0, fault.cut_after - self.replied)
            is_cut, piece = left < len(piece), piece[:left]
            self.replied += len(piece)
            to.write(piece)
            if is_cut:
                self.near.close()
                self.far.close()
                return False
        else:
            to.write(piece)
        await to.drain()
        return True

    def reset(self) -> None:
        abort(self.near)
        abort(self.far)


class Wire:
    """Listens on `port` and connects to `target`, both on the loopback address. `fault` may change at any time."""

    def __init__(self, target: int, *, chance: Random) -> None:
        self.target = target
        self.chance = chance
        self.fault = SOUND
        self.taken = 0  # bytes that came, whatever became of them
        self.lost = 0
        self.links: set[Link] = set()
        self._loop = uvloop.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name=f"wire to {target}", daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._connected, LOOPBACK, 0, backlog=1024))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Reset every connection there is."""

        async def reset_all() -> None:
            for link in list(self.links):
                link.reset()

        self._run(reset_all())

    def repoint(self, target: int) -> None:
        """Lead to another server from now on; connections to the old one are reset."""
        self.target = target
        self.cut()

    def close(self) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        for link in list(self.links):
            link.reset()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self.target)
        except OSError:
            abort(writer)
            return
        link = Link(self, writer, far_writer)
        self.links.add(link)
        try:
            await asyncio.gather(link.pump(reader, far_writer), link.pump(far_reader, writer))
        finally:
            self.links.discard(link)
            writer.close()
            far_writer.close()


def abort(writer: asyncio.StreamWriter) -> None:
    """Close with a reset: what was not sent is dropped, and the other side is told so."""
    if writer.is_closing():
        return
    end = writer.get_extra_info("socket")
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
