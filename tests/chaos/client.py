"""A client by hand: one call on a connection of its own, and all that it saw of the answer.

It may leave at any byte. Nothing here retries: what a client saw is evidence.
"""

import asyncio
import json
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.chaos.wire import abort

PIECE = 16_384
NANOS = 1_000_000_000


@dataclass(slots=True, kw_only=True, eq=False)
class Seen:
    """One call as its client saw it. Times are of the monotonic clock; no `status`: nobody answered."""

    proxy: str
    secret: str
    model: str
    stream: bool
    asked_at: float = 0.0
    ended_at: float = 0.0
    status: int | None = None
    request_id: str | None = None
    received: int = 0  # bytes
    tokens: int = 0  # words of the answer that arrived
    cost_n: int | None = None  # what the answer says that it cost
    error: dict[str, Any] | None = None
    is_complete: bool = False
    has_left: bool = False


def words(count: int) -> str:
    """A text of so many words of four bytes each, so that who counts bytes and who counts words agree."""
    return " ".join(["abc"] * count)


def ask(model: str, count: int, *, stream: bool, max_tokens: int | None = None) -> dict[str, Any]:
    """A call that wants its words back."""
    body = {"model": model, "messages": [{"role": "user", "content": words(count)}], "stream": stream}
    return body if max_tokens is None else {**body, "max_tokens": max_tokens}


async def call(
    seen: Seen,
    body: dict[str, Any],
    *,
    leave_after: int | None = None,
    how: str = "close",
    within_s: float = 60,
) -> Seen:
    """Make the call, and leave after so many bytes of the answer: by a FIN (`close`) or a reset (`abort`)."""
    raw = bytearray()
    seen.asked_at = time.monotonic()
    host, _, port = seen.proxy.removeprefix("http://").partition(":")
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(request(seen, body))
                seen.has_left = await _receive(reader, raw, seen, leave_after=leave_after)
            finally:
                abort(writer) if how == "abort" else writer.close()
    except (OSError, TimeoutError):
        pass
    except asyncio.CancelledError:
        seen.has_left = True
        raise
    finally:
        seen.ended_at = time.monotonic()
        understand(seen, bytes(raw))
    return seen


async def _receive(
    reader: asyncio.StreamReader, raw: bytearray, seen: Seen, *, leave_after: int | None
) -> bool:
    """Take the answer until it ends; True when we are the one to go."""
    while leave_after is None or len(raw) < leave_after:
        room = PIECE if leave_after is None else min(PIECE, leave_after - len(raw))
        piece = await reader.read(room)
        if not piece:
            return False
        raw += piece
        seen.received = len(raw)
    return True


def request(seen: Seen, body: dict[str, Any]) -> bytes:
    data = json.dumps(body).encode()
    head = (
        f"POST /api/v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n"
        f"Authorization: Bearer {seen.secret}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def understand(seen: Seen, raw: bytes) -> None:
    """Note what the bytes say, however many of them there are."""
    head, found, rest = raw.partition(b"\r\n\r\n")
    if not found:
        return
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    seen.status, seen.request_id = int(first.split(" ")[1]), fields.get("x-request-id")
    if fields.get("transfer-encoding", "") == "chunked":
        body, is_whole = unchunked(rest)
    else:
        body, is_whole = rest, len(rest) == int(fields.get("content-length", "-1"))
    if fields.get("content-type", "").startswith("text/event-stream"):
        _understand_stream(seen, body, is_whole=is_whole)
    elif is_whole:
        _understand_document(seen, body)


def unchunked(data: bytes) -> tuple[bytes, bool]:
    """The body of chunked bytes, as far as it goes, and whether it ends as it should."""
    body = bytearray()
    while data:
        size, found, rest = data.partition(b"\r\n")
        if not found:
            break
        length = int(size, 16)
        if length == 0:
            return bytes(body), rest.startswith(b"\r\n")
        body += rest[:length]
        data = rest[length + 2 :]
    return bytes(body), False


def _understand_stream(seen: Seen, body: bytes, *, is_whole: bool) -> None:
    events = [
        event.removeprefix(b"data: ") for event in body.split(b"\n\n")[:-1] if event.startswith(b"data: ")
    ]
    seen.is_complete = is_whole and events[-1:] == [b"[DONE]"]
    for event in events:
        if event != b"[DONE]":
            chunk = json.loads(event, parse_float=Decimal)
            for choice in chunk.get("choices", ()):
                seen.tokens += len((choice["delta"].get("content") or "").split())
                seen.error = choice.get("error", seen.error)
            _note_cost(seen, chunk)


def _understand_document(seen: Seen, body: bytes) -> None:
    document = json.loads(body, parse_float=Decimal)
    seen.error = document.get("error")
    for choice in document.get("choices", ()):
        seen.tokens += len((choice["message"]["content"] or "").split())
    _note_cost(seen, document)
    seen.is_complete = True


def _note_cost(seen: Seen, document: dict[str, Any]) -> None:
    cost = (document.get("usage") or {}).get("cost")
    if cost is not None:
        seen.cost_n = int(Decimal(cost) * NANOS)
