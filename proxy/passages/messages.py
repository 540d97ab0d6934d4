"""Anthropic's messages from a provider that speaks them: byte for byte but for the last usage.

That comes with the reason why the answer is over; both are held back until the call is settled.
"""

from typing import Any

import msgspec

from core.charging.calls import Call
from core.errors import Refused
from proxy.answers import cost_fields, encode
from proxy.formats.format import Bill
from proxy.formats.messages.writer import MessagesWriter, usage_fields
from proxy.meter import Meter
from proxy.passages.passage import Passage
from proxy.passages.reading import Reading
from proxy.providers.anthropic.answer import AnthropicReader
from proxy.providers.content import says_something
from proxy.sse import event

GROWING = frozenset({"content_block_start", "content_block_delta"})
read_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Kind(msgspec.Struct):
    type: str = ""


class _Piece(msgspec.Struct):
    content_block: Any = None
    delta: Any = None


_piece_of = msgspec.json.Decoder(_Piece).decode
_kind_of = msgspec.json.Decoder(_Kind).decode


class MessagesPassage(Passage):
    def __init__(self, meter: Meter, call: Call) -> None:
        super().__init__(meter)
        self._reading = Reading(AnthropicReader(), meter)
        self._writer = MessagesWriter(answer_id=str(call.request_id), model=call.model_id)
        self._last: dict[str, Any] = {"type": "message_delta", "delta": {}}
        self._stated: dict[str, Any] = {}

    @property
    def has_content(self) -> bool:
        return self._reading.has_content

    def end(self, bill: Bill) -> bytes:
        last = {**self._last, "usage": self._usage(bill)}
        return _framed("message_delta", encode(last)) + _framed("message_stop", b'{"type": "message_stop"}')

    def failed(self, refused: Refused, bill: Bill, *, provider: str) -> bytes:
        return self._writer.failed(refused, bill, provider=provider)

    def read(self, body: bytes) -> None:
        self._reading.whole(body)
        self._keep(body)

    def answer(self, bill: Bill) -> bytes:
        return encode({**self._last, "usage": self._usage(bill)})

    def _event(self, data: bytes) -> bytes:
        before = self.meter.produced_bytes
        self._reading.event(data)
        self.is_done = self._reading.is_done
        kind = _kind_of(data).type
        if kind in GROWING and self.meter.produced_bytes == before:
            self.meter.produce(int(_is_more(data)))
        if kind == "message_delta":
            self._keep(data)
        return b"" if kind in {"message_delta", "message_stop"} else _framed(kind, data)

    def _keep(self, data: bytes) -> None:
        self._last = read_fields(data)
        try:
            self._stated = read_fields(self._last.get("usage", b"{}"))
        except msgspec.DecodeError:  # no object: then there is nothing to repeat
            self._stated = {}

    def _usage(self, bill: Bill) -> dict[str, Any]:
        """The provider's own words where they are believed, and what the call cost."""
        if self.meter.reported is None or bill.ending.estimated:
            return usage_fields(bill)
        return {**usage_fields(bill), **self._stated, **cost_fields(bill.ending, bill.charge_n)}


def _is_more(data: bytes) -> bool:
    """Say whether an event nothing was counted of gives the client something: a kind nobody reads."""
    try:
        piece = _piece_of(data)
    except (msgspec.DecodeError, RecursionError):  # it is too deep to look at, and on its way
        return True
    return says_something([piece.content_block, piece.delta])


def _framed(kind: str, data: bytes) -> bytes:
    if not kind.isprintable():  # it would end the line
        return event(data)
    return b"event: " + kind.encode() + b"\n" + event(data)
