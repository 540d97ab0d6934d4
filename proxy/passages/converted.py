"""An answer whose provider speaks another language than its client: read in the one, written in the other."""

from core.errors import Refused
from proxy.conversation import BlockBegan, Event
from proxy.formats.format import Bill, Writer
from proxy.meter import Meter
from proxy.passages.passage import Passage
from proxy.passages.reading import Reading
from proxy.providers.dialect import Reader


class ConvertedPassage(Passage):
    """Hidden thoughts are read, and so counted, but not written."""

    def __init__(self, meter: Meter, reader: Reader, writer: Writer, *, hides_thoughts: bool = False) -> None:
        super().__init__(meter)
        self._reading = Reading(reader, meter)
        self._writer = writer
        self._whole: list[Event] = []
        self._hidden: set[int] | None = set() if hides_thoughts else None  # blocks

    @property
    def has_content(self) -> bool:
        return self._reading.has_content

    @property
    def has_last_word(self) -> bool:
        return self._reading.has_last_word

    def end(self, bill: Bill) -> bytes:
        return self._writer.end(bill)

    def failed(self, refused: Refused, bill: Bill, *, provider: str) -> bytes:
        return self._writer.failed(refused, bill, provider=provider)

    def read(self, body: bytes) -> None:
        self._whole = self._shown(self._reading.whole(body))

    def answer(self, bill: Bill) -> bytes:
        return self._writer.whole(self._whole, bill)

    def _event(self, data: bytes) -> bytes:
        events = self._shown(self._reading.event(data))
        self.is_done = self._reading.is_done
        return b"".join([self._writer.event(one) for one in events])

    def _shown(self, events: list[Event]) -> list[Event]:
        if self._hidden is None:
            return events
        thoughts = [one for one in events if isinstance(one, BlockBegan) and one.kind == "thinking"]
        self._hidden.update([thought.block for thought in thoughts])
        return [one for one in events if getattr(one, "block", None) not in self._hidden]
