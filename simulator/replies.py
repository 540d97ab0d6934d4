"""What goes out for a call: status, headers, frames; also the replies that hold no answer at all."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from multidict import CIMultiDict

from simulator.dialect import Dialect, Frame
from simulator.directives import Directives
from simulator.refusals import Refusal

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"
BOMB_MIB = 128
_LOWEST_ERROR = 400
_HTML = b"<!doctype html><title>Welcome</title><p>This page is no answer of a model.</p>\n"
_ODD = (
    *(("Set-Cookie", "session=simulator; Path=/; HttpOnly"), ("Set-Cookie", "__cf_bm=odd; Secure")),
    *(("X-Request-Id", "req_of_the_simulator"), ("Openai-Organization", "simulator-org")),
    *(("X-RateLimit-Limit", "7"), ("X-RateLimit-Remaining", "6"), ("Access-Control-Allow-Origin", "*")),
    *(("Strict-Transport-Security", "max-age=1"), ("Alt-Svc", 'h3=":443"'), ("Via", "1.1 odd")),
)


@dataclass(frozen=True, slots=True)
class Reply:
    """One response. `streamed` frames go out chunked; others with their length. A broken one ends early."""

    frames: list[Frame]
    status: int = 200
    kind: str = JSON
    streamed: bool = False
    broken: bool = False
    more: Mapping[str, str] = field(default_factory=dict)

    def headers(self, *, odd: bool) -> CIMultiDict[str]:
        headers = CIMultiDict({"Content-Type": self.kind, **self.more})
        if odd:
            headers.extend(_ODD)
        if self.streamed:
            headers["Cache-Control"] = "no-cache"
        else:
            headers["Content-Length"] = str(sum(len(frame.data) for frame in self.frames))
        return headers

    @property
    def how(self) -> str:
        """Say how a call that got this reply has ended."""
        if self.status >= _LOWEST_ERROR:
            return f"error:{self.status}"
        return "cut" if self.broken else "done"


def refused(refusal: Refusal, dialect: Dialect) -> Reply:
    more = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return Reply([Frame(dialect.refuse(refusal))], status=refusal.status, more=more)


def canned(directives: Directives, dialect: Dialect, *, stream: bool) -> Reply | None:
    """Give the reply without an answer that the directives want, if they want one."""
    kind = EVENTS if stream else JSON
    if directives.status is not None:
        told = "The simulator was told to answer with this status."
        refusal = Refusal(told, status=directives.status, retry_after=directives.retry_after)
        return refused(refusal, dialect)
    if directives.redirect:
        return Reply([], status=302, more={"Location": "/elsewhere"})
    if directives.empty:
        return Reply([], kind=kind)
    if directives.notjson:
        return Reply([Frame(_HTML)], kind="text/html; charset=utf-8")
    if directives.gzip_bomb:
        return Reply([Frame(bomb())], kind=kind, more={"Content-Encoding": "gzip"})
    return None


@cache
def bomb() -> bytes:
    """Make a gzip body of some 130 KB that unpacks to 128 MiB of white space."""
    plain = b" " * (1024 * 1024)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # After a full flush a block stands alone, so that one block can be repeated unpacked.
    block = packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(BOMB_MIB):
        checksum = zlib.crc32(plain, checksum)
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    size = BOMB_MIB * len(plain)
    tail = checksum.to_bytes(4, "little") + size.to_bytes(4, "little")
    return header + block * BOMB_MIB + b"\x03\x00" + tail
