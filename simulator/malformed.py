"""Breaks well-formed frames in the ways real providers and proxies have been seen to break them."""

from collections.abc import Callable
from dataclasses import replace

from simulator.dialect import Frame

LONG_LINE_BYTES = 5 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_SPLIT = "漢".encode()

Frames = list[Frame]


def spoil(frames: Frames, how: str) -> Frames:
    """Give the frames broken in one way. The middle content frame is the one that suffers."""
    return _SPOILERS[how](frames)


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
    """Put bytes inside the first JSON string of a frame, so that they break only what they must."""
    return lambda data: data.replace(b'":"', b'":"' + extra, 1)


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
        replace(frame, data=frame.data.replace(b'_tokens":', b'_tokens":9'))
        for frame in frames
        if frame.kind == "usage"
    ]
    end = next((at for at, frame in enumerate(frames) if frame.kind == "end"), len(frames))
    return [*frames[:end], *again, *frames[end:]]


def _after_done(frames: Frames) -> Frames:
    return [*frames, Frame(frames[_middle(frames)].data)]


def _no_done(frames: Frames) -> Frames:
    return [frame for frame in frames if frame.kind != "end"]


def _truncated(frames: Frames) -> Frames:
    """End cleanly in the middle of a frame's JSON."""
    at = _middle(frames)
    return [*frames[:at], replace(frames[at], data=frames[at].data[:-20], tokens=0)]


_SPOILERS: dict[str, Callable[[Frames], Frames]] = {
    "json": _in_middle(lambda data: data.replace(b'":', b'" ', 1)),
    "nodata": _in_middle(lambda data: data.removeprefix(b"data: ")),
    "bom": _bom,
    "crlf": _everywhere(lambda data: data.replace(b"\n", b"\r\n")),
    "utf8": _in_middle(_in_text(b"\xff\xfe")),
    "split": _split,
    "nul": _in_middle(_in_text(b"\x00")),
    "longline": _in_middle(_in_text(b"x" * LONG_LINE_BYTES)),
    "doubleusage": _double_usage,
    "afterdone": _after_done,
    "nodone": _no_done,
    "truncated": _truncated,
}
