"""An answer whose provider speaks another language than its client: read in the one, written in the other."""

from core.errors import Refused
from proxy.conversation import Event
from proxy.formats.format import Bill, Writer
from proxy.meter import Meter
from proxy.passages.passage import Passage
from proxy.passages.reading import Reading
from proxy.providers.dialect import Reader


class ConvertedPassage(Passage):
    def __init__(self, meter: Meter, reader: Reader, writer: Writer) -> None:
        super().__init__(meter)
        self._reading = Reading(reader, meter)
        self._writer = writer
        self._whole: list[Event] = []

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
        self._whole = self._reading.whole(body)

    def answer(self, bill: Bill) -> bytes:
        return self._writer.whole(self._whole, bill)

    def _event(self, data: bytes) -> bytes:
        events = self._reading.event(data)
        self.is_done = self._reading.is_done
        return b"".join([self._writer.event(one) for one in events])
