"""Reading an answer by its provider's dialect, and telling the meter what is read."""

from collections.abc import Iterable

from proxy.conversation import Began, BlockBegan, Delta, Event, Signed, Stopped, Told
from proxy.meter import Meter
from proxy.providers.dialect import Reader
from proxy.providers.openai.passing import clean


class Reading:
    """One answer while it is read."""

    def __init__(self, reader: Reader, meter: Meter) -> None:
        self._reader = reader
        self._meter = meter
        self._has_stopped = False
        self.has_content = False
        self._seen: set[int] = set()  # blocks with text that was seen

    @property
    def is_done(self) -> bool:
        return self._reader.is_done

    @property
    def has_last_word(self) -> bool:
        return self._reader.has_last_word

    def event(self, data: bytes) -> list[Event]:
        """What an event of a stream tells. Raises MalformedStream."""
        events = self._reader.event(data)
        self._count(events)
        return events

    def whole(self, body: bytes) -> list[Event]:
        """What a plain answer tells. Raises MalformedStream."""
        events = self._reader.whole(body)
        self._count(events)
        return events

    def _count(self, events: Iterable[Event]) -> None:
        told = None
        for one in events:
            self.has_content |= not isinstance(one, Began | Told)
            if isinstance(one, Delta):
                self._seen.add(one.block)
                self._meter.produce(len(one.text.encode()))
            elif isinstance(one, BlockBegan):
                self._meter.produce(len(one.tool_name.encode()))
            elif isinstance(one, Signed) and one.block not in self._seen:
                self._meter.produce(len(one.signature))  # of a hidden thought it is all there is to count
            elif isinstance(one, Told):
                told = one
            elif isinstance(one, Stopped):
                self._meter.finish_reason, self._has_stopped = clean(one.native) or None, True
        if told is None:
            return
        self._meter.is_odd = not told.adds_up
        if self._has_stopped:
            self._meter.reported = told.usage
        else:  # some say at the start what went in, and a first guess of what comes out
            self._meter.known = told.usage
