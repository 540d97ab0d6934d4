"""Server-sent events, as providers send them and as we send them on."""

from collections.abc import Iterator

MAX_EVENT = 1 << 20  # bytes; an event longer than this is no answer of a model
DONE = b"[DONE]"
_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")
KEEP_ALIVE = b": keep-alive\n\n"


class MalformedStream(Exception):
    """The provider's stream cannot be read on."""


class EventSplitter:
    """Cuts a byte stream into the data of its events, wherever the network cut it.

    Takes LF, CRLF and a leading byte order mark; joins several `data:` lines; passes over comments and other
    fields. What stands after the last blank line is no event yet.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._first = True

    def plain(self, chunk: bytes) -> list[bytes] | None:
        """The data of a chunk that is nothing but whole events of one line each, written as we would.

        Nearly every chunk is. None for any other, which must be fed: nothing has been taken from it then.
        """
        if self._rest or self._data or not (chunk.startswith(b"data: ") and chunk.endswith(b"\n\n")):
            return None
        events = chunk[6:-2].split(b"\n\ndata: ")
        if chunk.count(b"\n") != 2 * len(events) or b"\r" in chunk or len(chunk) > MAX_EVENT:
            return None
        self._first = False
        return events

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The data of each event that is complete now. Raises MalformedStream for one beyond all bounds."""
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if self._first:
                self._first = False
                line = line.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901
            yield from self._line(line.removesuffix(b"\r"))
        if len(self._rest) + self._size > MAX_EVENT:
            raise MalformedStream("an event is too long")

    def _line(self, line: bytes) -> Iterator[bytes]:
        if line.startswith(b"data:"):
            part = line[5:].removeprefix(b" ")
            self._size += len(part)
            if self._size > MAX_EVENT:
                raise MalformedStream("an event is too long")
            self._data.append(part)
        elif not line and self._data:
            # Lines of one event are joined by a blank: valid inside JSON wherever a line break was.
            event = b" ".join(self._data)
            self._data, self._size = [], 0
            yield event


def event(data: bytes) -> bytes:
    """One event. A line break in JSON is only space: as it is, it would end the line, or the event."""
    return b"data: " + data.translate(_LINE_BREAKS) + b"\n\n"


def named_event(name: str, data: bytes) -> bytes:
    """One event of a format that names them."""
    return b"event: " + name.encode() + b"\n" + event(data)
