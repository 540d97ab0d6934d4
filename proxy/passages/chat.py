"""OpenAI's chat completions from a provider that speaks them: byte for byte but for usage.

In a stream that is held back until the call is settled, and comes last, with the cost that was booked.
"""

import time
from collections.abc import Sequence
from operator import is_
from typing import Any

import msgspec

from core.charging.calls import Call
from core.errors import Refused
from core.rules.prices import Usage
from proxy.answers import CHAT_CHUNK, encode, error_chunk, usage_object
from proxy.formats.format import Bill
from proxy.meter import Meter
from proxy.passages.passage import Passage
from proxy.providers.openai import Frame, adds_up, read_frame, read_usage
from proxy.sse import DONE, MalformedStream, event

read_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class ChatPassage(Passage):
    SHAPE = CHAT_CHUNK

    def __init__(self, meter: Meter, call: Call) -> None:
        super().__init__(meter)
        self._call = call
        self._stated: Any = None  # the provider's usage, held back
        self._fields: dict[str, Any] = {}  # what else its chunk said; all of a plain answer

    def take(self, data: bytes) -> tuple[bytes, MalformedStream | None]:
        plain = self._splitter.plain(data)
        if plain is None:
            return super().take(data)
        batch: list[bytes] = []
        try:
            for piece in plain:
                batch.append(self._made(piece))
                if self.is_done:
                    break
        except MalformedStream as error:
            return _framed(batch), error
        if len(batch) == len(plain) and all(map(is_, batch, plain)):
            return data, None
        return _framed(batch), None

    def end(self, bill: Bill) -> bytes:
        last = {**self._skeleton(), **self._fields, "choices": [], "usage": self._usage(bill)}
        return event(encode(last)) + event(DONE)

    def failed(self, refused: Refused, bill: Bill, *, provider: str) -> bytes:
        last = error_chunk(
            refused,
            answer_id=str(self._call.request_id),
            model=self.meter.plan.model.id,
            usage=self._usage(bill),
            provider=provider,
            shape=self.SHAPE,
        )
        return event(last) + event(DONE)

    def read(self, body: bytes) -> None:
        frame = read_frame(body)
        if not frame.has_choices:
            raise MalformedStream("the answer has no choices")
        self._count(frame)
        self._state(read_usage(frame.usage), frame.usage)
        self._fields = read_fields(body)  # each as it came

    def answer(self, bill: Bill) -> bytes:
        self._fields["usage"] = self._usage(bill)
        return encode(self._fields)

    def _event(self, data: bytes) -> bytes:
        made = self._made(data)
        return event(made) if made else b""

    def _made(self, data: bytes) -> bytes:
        """The data of an event as the client gets it: mostly as it came, and nothing when it is held back."""
        if data == DONE:
            self.is_done = True
            return b""
        frame = read_frame(data)
        self._count(frame)
        if frame.error:
            raise MalformedStream("the provider reports an error")
        if not isinstance(frame.usage, dict):
            return data
        fields: dict[str, Any] = read_fields(data)
        del fields["usage"]
        if (usage := read_usage(frame.usage)) is not None:
            self._state(usage, frame.usage)
            self._fields = fields
        return encode(fields) if frame.has_choices else b""

    def _state(self, usage: Usage | None, stated: Any) -> None:
        self.meter.reported, self._stated = usage, stated
        self.meter.is_odd = usage is not None and not adds_up(stated)

    def _count(self, frame: Frame) -> None:
        self.meter.produce(frame.produced_bytes)
        if frame.finish_reason is not None:
            self.meter.finish_reason = frame.finish_reason

    def _usage(self, bill: Bill) -> dict[str, Any]:
        believed = self.meter.reported is not None and not bill.ending.estimated
        told = self._stated if believed and isinstance(self._stated, dict) else None
        return usage_object(told, bill.ending.usage, bill.ending, bill.charge_n)

    def _skeleton(self) -> dict[str, Any]:
        return {
            "id": str(self._call.request_id),
            "object": self.SHAPE.object,
            "created": int(time.time()),
            "model": self.meter.plan.model.id,
        }


def _framed(batch: Sequence[bytes]) -> bytes:
    return b"".join([event(made) for made in batch if made])
