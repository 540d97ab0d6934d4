"""Breaks well-formed frames in the ways real providers and proxies have been seen to break them."""

import re
from collections.abc import Callable
from dataclasses import replace

from simulator.dialect import Frame
from simulator.directives import HALF

LONG_LINE_BYTES = 5 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_SPLIT = "漢".encode()
_FREE = re.compile(rb'"(?:id|text|thinking|partial_json)":"')
_COUNT = re.compile(rb'(?:_tokens|TokenCount)":')

Frames = list[Frame]


def spoil(frames: Frames, how: str) -> Frames:
    """Give the frames broken in one way. The middle content frame is the one that suffers."""
    return _SPOILERS[how](frames)


def content_before(frames: Frames, asked: int) -> int:
    """Say how many content frames come before a break: half, or as many as are asked for and there are."""
    content = sum(frame.kind == "content" for frame in frames)
    return content // 2 if asked == HALF else min(asked, content)


def halt_at(frames: Frames, asked: int) -> int:
    """Say which frame is the first after a break: thoughts and openings still come before it."""
    content = [at for at, frame in enumerate(frames) if frame.kind == "content"]
    kept = content_before(frames, asked)
    if kept < len(content):
        return content[kept] if kept == 0 else content[kept - 1] + 1
    return content[-1] + 1 if content else 1


def _middle(frames: Frames) -> int:
    content = [at for at, frame in enumerate(frames) if frame.kind == "content"] or [0]
    return content[len(content) // 2]


def _in_middle(change: Callable[[bytes], bytes]) -> Callable[[Frames], Frames]:
    def spoiler(frames: Frames) -> Frames:
        at = _middle(frames)
        broken = replace(frames[at], data=change(frames[at].data))
        return [*frames[:at], broken, *frames[at + 1 :]]

    return spoiler


def _in_text(extra: bytes) -> Callable[[bytes], bytes]:
    """Put bytes inside a JSON string that may say anything, so that they break only what they must."""

    def change(data: bytes) -> bytes:
        free = _FREE.search(data)
        at = free.end() if free else data.find(b'":"') + len(b'":"')
        return data[:at] + extra + data[at:]

    return change


def _crlf(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _everywhere(change: Callable[[bytes], bytes]) -> Callable[[Frames], Frames]:
    return lambda frames: [replace(frame, data=change(frame.data)) for frame in frames]


def _bom(frames: Frames) -> Frames:
    return [replace(frames[0], data=_BOM + frames[0].data), *frames[1:]]


def _split(frames: Frames) -> Frames:
    """Cut one character of several bytes in two writes."""
    at = _middle(frames)
    before, _, after = _in_text(_SPLIT)(frames[at].data).partition(_SPLIT)
    halves = (Frame(before + _SPLIT[:1]), replace(frames[at], data=_SPLIT[1:] + after))
    return [*frames[:at], *halves, *frames[at + 1 :]]


def _double_usage(frames: Frames) -> Frames:
    """Report usage a second time, with other numbers."""
    again = [
        replace(frame, data=_COUNT.sub(rb"\g<0>9", frame.data)) for frame in frames if frame.kind == "usage"
    ]
    end = next((at for at, frame in enumerate(frames) if frame.kind == "end"), len(frames))
    return [*frames[:end], *again, *frames[end:]]


def _after_done(frames: Frames) -> Frames:
    return [*frames, Frame(frames[_middle(frames)].data)]


def _no_done(frames: Frames) -> Frames:
    """Leave the end out: of a provider without an end of its own, the event that says why it is over."""
    end = "end" if any(frame.kind == "end" for frame in frames) else "usage"
    return [frame for frame in frames if frame.kind != end]


def _truncated(frames: Frames) -> Frames:
    """End cleanly in the middle of a frame's JSON."""
    at = _middle(frames)
    return [*frames[:at], replace(frames[at], data=frames[at].data[:-20], tokens=0)]


_SPOILERS: dict[str, Callable[[Frames], Frames]] = {
    "json": _in_middle(lambda data: data.replace(b'":', b'" ', 1)),
    "nodata": _in_middle(lambda data: data.replace(b"data: ", b"", 1)),
    "bom": _bom,
    "crlf": _everywhere(_crlf),
    "utf8": _in_middle(_in_text(b"\xff\xfe")),
    "split": _split,
    "nul": _in_middle(_in_text(b"\x00")),
    "longline": _in_middle(_in_text(b"x" * LONG_LINE_BYTES)),
    "doubleusage": _double_usage,
    "afterdone": _after_done,
    "nodone": _no_done,
    "truncated": _truncated,
}
