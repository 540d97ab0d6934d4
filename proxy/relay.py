"""Passing an answer on: whole, or chunk by chunk as it comes.

A stream is relayed byte for byte but for usage: that is held back until the call is settled, and comes last,
with the cost that was booked.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from core.config import Settings
from core.errors import OutOfCredits, Refused, UpstreamFailed
from proxy.answers import encode, error_chunk, headers, usage_object
from proxy.providers.openai import Frame, read_frame, read_usage
from proxy.running import Charge, ClientGone
from proxy.sse import DONE, KEEP_ALIVE, EventSplitter, MalformedStream, event
from proxy.upstream import Answer, read_plain

# A call that was cut is told from one that never began: something was delivered, and charged.
CUT = {"insufficient_credits": "out_of_money", "upstream_failed": "upstream_cut"}
_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


async def relay_plain(answer: Answer, charge: Charge, settings: Settings) -> web.Response:
    """Read the answer whole, book it, and send it with its cost. Raises UpstreamFailed when it is none."""
    meter = charge.meter
    try:
        async with asyncio.timeout(settings.total_timeout_s):
            body = await read_plain(answer)
        frame = read_plain_frame(body)
    except (aiohttp.ClientError, TimeoutError, OSError, MalformedStream) as error:
        raise broken(error, answer) from None
    meter.produce(frame.produced_bytes)
    meter.finish_reason = frame.finish_reason
    meter.reported = read_usage(frame.document or {})
    fields: dict[str, Any] = dict(_raw_fields(body))
    fields["usage"] = await settled_usage(charge, _stated(frame))
    return web.Response(
        body=encode(fields),
        headers=headers(charge.call.request_id, answer.offer.provider.name),
        content_type="application/json",
    )


class StreamRelay:
    """One stream on its way from a provider to a client."""

    def __init__(self, request: web.Request, answer: Answer, charge: Charge, settings: Settings) -> None:
        self._request = request
        self._answer = answer
        self._charge = charge
        self._settings = settings
        self._splitter = EventSplitter()
        self._last: dict[str, Any] = {}  # the provider's usage chunk, held back
        self._done = False

    async def run(self, *, echo: bytes | None) -> web.StreamResponse:
        """Relay until the answer ends. A failure raises before the first chunk, later it is a chunk."""
        batches = self._batches()
        first = await anext(batches, b"")
        response = web.StreamResponse(
            headers=headers(self._charge.call.request_id, self._answer.offer.provider.name)
        )
        response.content_type = "text/event-stream"
        await self._sent(response.prepare(self._request))
        await self._write(response, (event(echo) if echo else b"") + first)
        try:
            async for batch in batches:
                await self._write(response, batch)
        except Refused as refused:
            self._charge.meter.end(CUT.get(refused.reason, refused.reason), status=refused.status)
            await self._write(response, await self._error(refused))
        else:
            await self._write(response, event(encode(await self._closing())))
        await self._write(response, event(DONE))
        await self._sent(response.write_eof())
        return response

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        if data:
            await self._sent(response.write(data))

    async def _sent(self, sending: Awaitable[object]) -> None:
        """Wait until something is on its way; a client that takes none for too long is as good as gone."""
        try:
            async with asyncio.timeout(self._settings.idle_timeout_s):
                await sending
        except (TimeoutError, ConnectionError) as error:
            raise ClientGone from error

    async def _batches(self) -> AsyncIterator[bytes]:
        """What to send to the client, as it comes. Raises UpstreamFailed when it breaks off."""
        deadline = time.monotonic() + self._settings.total_timeout_s
        while not self._done:
            chunk = await self._read()
            if chunk is None:
                if self._charge.meter.first_byte is not None:
                    yield KEEP_ALIVE
            elif chunk == b"":
                break
            else:
                batch, error = self._pass_on(chunk)
                if batch:  # not before there is something: until then a failure is still an HTTP error
                    yield batch
                if error is not None:
                    raise broken(error, self._answer)
                await self._stay_within_means()
            if time.monotonic() > deadline:
                raise broken(TimeoutError(), self._answer)
        if not self._done and self._charge.meter.finish_reason is None:
            raise broken(aiohttp.ClientPayloadError(), self._answer)

    async def _read(self) -> bytes | None:
        """What came next: empty at the end, None when nothing came for a while."""
        try:
            async with asyncio.timeout(self._settings.keep_alive_s):
                return await self._answer.response.content.readany()
        except aiohttp.ServerTimeoutError as error:
            raise broken(error, self._answer) from None
        except TimeoutError:
            return None
        except (aiohttp.ClientError, OSError) as error:
            raise broken(error, self._answer) from None

    def _pass_on(self, chunk: bytes) -> tuple[bytes, MalformedStream | None]:
        """What a piece of the stream gives the client, and what is wrong with the rest of it."""
        batch: list[bytes] = []
        try:
            for data in self._splitter.feed(chunk):
                batch.append(self._event(data))
                if self._done:
                    break
        except MalformedStream as error:
            return b"".join(batch), error
        return b"".join(batch), None

    def _event(self, data: bytes) -> bytes:
        """One event as the client gets it: most are passed on as they are."""
        if data == DONE:
            self._done = True
            return b""
        frame = read_frame(data)
        meter = self._charge.meter
        meter.produce(frame.produced_bytes)
        meter.finish_reason = frame.finish_reason or meter.finish_reason
        if frame.document is None:
            return event(data)
        if frame.document.get("error"):
            raise MalformedStream("the provider reports an error")
        if not isinstance(frame.document.get("usage"), dict):
            return event(data)
        if (usage := read_usage(frame.document)) is not None:
            meter.reported, self._last = usage, frame.document
        if not frame.has_choices:
            return b""
        return event(encode({name: value for name, value in frame.document.items() if name != "usage"}))

    async def _stay_within_means(self) -> None:
        """Extend the hold while the answer grows; end the answer when there is nothing left to hold."""
        meter = self._charge.meter
        while meter.wants_more():
            self._charge.extend_in_background()
            if not meter.is_used_up():
                return
            await self._charge.extended()
        if meter.is_used_up():
            raise OutOfCredits(
                "The answer was cut: no credits are left for more of it. Please top up to continue."
            )
        if meter.is_overrun():
            raise broken(MalformedStream("the answer is longer than was asked for"), self._answer)

    async def _closing(self) -> dict[str, Any]:
        usage = await settled_usage(self._charge, self._last.get("usage"))
        return {**self._skeleton(), **self._last, "choices": [], "usage": usage}

    async def _error(self, refused: Refused) -> bytes:
        usage = await settled_usage(self._charge, self._last.get("usage"))
        return event(
            error_chunk(
                refused,
                answer_id=str(self._charge.call.request_id),
                model=self._charge.call.model_id,
                usage=usage,
                provider=self._answer.offer.provider.name,
            )
        )

    def _skeleton(self) -> dict[str, Any]:
        return {
            "id": str(self._charge.call.request_id),
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": self._charge.call.model_id,
        }


async def settled_usage(charge: Charge, stated: Any) -> dict[str, Any]:
    """Book the call and say what it used and cost."""
    settled = await charge.settle()
    ending = charge.meter.ending()
    believed = charge.meter.reported is not None and not ending.estimated
    told = stated if believed and isinstance(stated, dict) else None
    return usage_object(told, ending.usage, ending, settled.charge_n)


def broken(error: BaseException, answer: Answer) -> UpstreamFailed:
    """The refusal for an answer that broke off or cannot be read."""
    if isinstance(error, TimeoutError):
        reason = "the answer stalled"
    elif isinstance(error, MalformedStream):
        reason = str(error)
    else:
        reason = "the answer broke off"
    name = answer.offer.provider.name
    return UpstreamFailed(
        f"The provider {name} failed while answering: {reason}. Try again.",
        metadata={"provider_name": name, "reason": reason},
    )


def read_plain_frame(body: bytes) -> Frame:
    frame = read_frame(body)
    if not frame.has_choices:
        raise MalformedStream("the answer has no choices")
    return frame


def _stated(frame: Frame) -> Any:
    return (frame.document or {}).get("usage")
