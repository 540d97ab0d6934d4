"""The way of one answer from its provider to its client: what the client gets, and what the meter learns."""

from collections.abc import Iterator

from core.errors import Refused
from proxy.formats.format import Bill
from proxy.meter import Meter
from proxy.sse import EventSplitter, MalformedStream


class Passage:
    """One answer, streamed or whole. It is settled before its last word is written, which tells the cost.

    Of a format that is never streamed it has `read` and `answer` alone.
    """

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.is_done = False  # the stream said its last word
        self._splitter = EventSplitter()

    @property
    def has_content(self) -> bool:
        """Say whether what came is worth beginning an answer with: then no other offer can stand in."""
        return True

    @property
    def has_last_word(self) -> bool:
        """Say whether a stream has one: without it, it may be whole, and may have been cut at its end."""
        return True

    def take(self, data: bytes) -> tuple[bytes, MalformedStream | None]:
        """What a piece of the stream gives the client, and what is wrong with the rest of it."""
        batch: list[bytes] = []
        try:
            batch.extend(self._events(data))
        except MalformedStream as error:
            return b"".join(batch), error
        return b"".join(batch), None

    def end(self, bill: Bill) -> bytes:
        """The last of a stream."""
        raise NotImplementedError

    def failed(self, refused: Refused, bill: Bill, *, provider: str) -> bytes:
        """The last of a stream that broke."""
        raise NotImplementedError

    def read(self, body: bytes) -> None:
        """Read a plain answer. Raises MalformedStream when it is none."""
        raise NotImplementedError

    def answer(self, bill: Bill) -> bytes:
        """The plain answer that was read, with what it cost."""
        raise NotImplementedError

    def _events(self, data: bytes) -> Iterator[bytes]:
        for piece in self._splitter.feed(data):
            yield self._event(piece)
            if self.is_done:
                break

    def _event(self, data: bytes) -> bytes:
        """What the client gets for an event of the stream, framed; nothing when it is held back."""
        raise NotImplementedError
