"""Sends a reply at the pace, and with the breaks, that the directives ask for."""

import asyncio
import socket
import struct
from dataclasses import replace

from aiohttp import web

from simulator.dialect import Frame
from simulator.directives import Directives
from simulator.malformed import content_before
from simulator.replies import Reply
from simulator.truth import Record, TruthLog

_FRAMES_PER_TURN = 64


class Wire:
    """One call's connection: sends, counts what was handed to the socket, and says how it ended."""

    def __init__(self, request: web.Request, *, record: Record, truth: TruthLog, hang_s: float) -> None:
        self._request = request
        self._record = record
        self._truth = truth
        self._hang_s = hang_s

    async def send(self, reply: Reply, directives: Directives) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=reply.headers(odd=directives.cookies))
        await response.prepare(self._request)
        frames = reply.frames
        halt_after = _halt_after(frames, directives)
        if not reply.streamed and halt_after is not None:
            frames, halt_after = _halves(frames), 1
        sent = 0
        for at, frame in enumerate(frames):
            is_content = frame.kind == "content"
            if halt_after is not None and sent >= halt_after and (sent or is_content):
                await self._halt(directives)
            if is_content and sent and directives.delay:
                await asyncio.sleep(directives.delay)
            elif at % _FRAMES_PER_TURN == _FRAMES_PER_TURN - 1:
                await asyncio.sleep(0)  # a long answer without delay must not keep the others waiting
            await self._put(response, frame, drip=directives.drip)
            sent += is_content
            if frame.usage is not None:
                self._record.usage = frame.usage
        # Ended before the last byte, so that who has read the answer finds the record.
        self._truth.end(self._record, reply.how)
        await response.write_eof()
        return response

    async def refuse(self) -> None:
        """Reset the connection before any byte of an answer."""
        transport = self._request.transport
        self._truth.end(self._record, "refused")
        if transport is not None:
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        await self._wait_for_the_end()

    async def hang(self) -> None:
        """Say nothing more until the client leaves or the longest wait is over."""
        try:
            await asyncio.sleep(self._hang_s)
        finally:
            self._truth.end(self._record, "hung")
        if self._request.transport is not None:
            self._request.transport.abort()
        await self._wait_for_the_end()

    async def _halt(self, directives: Directives) -> None:
        if directives.cut is None:
            await self.hang()
        self._truth.end(self._record, "cut")
        if self._request.transport is not None:
            self._request.transport.close()
        await self._wait_for_the_end()

    async def _wait_for_the_end(self) -> None:
        """Wait for the cancellation that a closed connection brings: returning would finish the body."""
        await asyncio.sleep(self._hang_s)
        raise ConnectionAbortedError

    async def _put(self, response: web.StreamResponse, frame: Frame, *, drip: float) -> None:
        step = 1 if drip else len(frame.data)
        for start in range(0, len(frame.data), step or 1):
            if drip:
                await asyncio.sleep(drip)
            part = frame.data[start : start + step]
            tokens = frame.tokens if start + step >= len(frame.data) else 0
            # Counted first: a write that is cancelled has already handed its bytes over.
            self._record.count(len(part), tokens)
            try:
                await response.write(part)
            except ConnectionError:
                self._record.count(-len(part), -tokens)
                raise


def _halt_after(frames: list[Frame], directives: Directives) -> int | None:
    """Say after how many content frames the stream breaks; None is never."""
    asked = directives.hang_mid if directives.cut is None else directives.cut
    return None if asked is None else content_before(frames, asked)


def _halves(frames: list[Frame]) -> list[Frame]:
    """Cut a body that is not streamed in two, so that it can break between."""
    whole = b"".join(frame.data for frame in frames)
    middle = len(whole) // 2
    tokens = sum(frame.tokens for frame in frames)
    first = Frame(whole[:middle], "content", usage=frames[0].usage if frames else None)
    return [first, replace(first, data=whole[middle:], tokens=tokens)]
