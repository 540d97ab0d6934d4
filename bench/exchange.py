"""Reading the answer to one call: when it began, how many events it has, whether it is whole."""

import re

LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
EVENT = b"data: "
END_OF_CHUNKS = b"0\r\n\r\n"
KEPT = len(EVENT) - 1  # bytes of a piece that may be the beginning of an event's mark


class Exchange:
    """One answer, fed as it comes. As cheap as can be: it runs beside what is measured."""

    __slots__ = ("_head", "_left", "_tail", "closes", "events", "first_at", "sent_at", "status", "streamed")

    def __init__(self, sent_at: float, *, streamed: bool) -> None:
        self.sent_at, self.streamed = sent_at, streamed
        self.first_at = 0.0  # of the first event of a stream
        self.status = self.events = 0
        self.closes = False
        self._head = self._tail = b""
        self._left: int | None = None  # bytes to come; None: it ends with its last chunk

    def feed(self, data: bytes, now: float) -> bool:
        """Take what arrived; say whether the answer is whole."""
        if not self.status:
            head, found, data = (self._head + data).partition(b"\r\n\r\n")
            if not found:
                self._head = head
                return False
            self._read_head(head)
        if self._left is not None:
            self._left -= len(data)
            return self._left <= 0
        return self._take_chunks(data, now)

    def _read_head(self, head: bytes) -> None:
        self.status = int(head[9:12])
        length = LENGTH.search(head)
        self._left = int(length[1]) if length else None
        self.closes = b"connection: close" in head.lower()

    def _take_chunks(self, data: bytes, now: float) -> bool:
        data = self._tail + data
        if self.streamed:
            self.events += data.count(EVENT)
            if self.events and not self.first_at:
                self.first_at = now
        if data.endswith(END_OF_CHUNKS):
            return True
        self._tail = data[-KEPT:]
        return False
