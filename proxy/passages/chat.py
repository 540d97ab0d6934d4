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
from proxy.model_call import ModelCall
from proxy.passages.passage import Passage
from proxy.providers.openai import Frame, adds_up, read_frame, read_usage
from proxy.sse import DONE, MalformedStream, event

THOUGHTS = ("reasoning", "reasoning_content", "reasoning_details")
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


class QuietChatPassage(ChatPassage):
    """The same for a client that wants no thoughts: they are counted and taken out. All else is the same."""

    def read(self, body: bytes) -> None:
        super().read(body)
        if (quiet := _without_thoughts(body)) is not body:
            self._fields["choices"] = read_fields(quiet)["choices"]

    def _made(self, data: bytes) -> bytes:
        made = super()._made(data)
        return _without_thoughts(made) if made else made


def chat_passage(meter: Meter, call: Call, asked: ModelCall) -> ChatPassage:
    """How such an answer goes to who asked for it."""
    return QuietChatPassage(meter, call) if asked.hides_thoughts else ChatPassage(meter, call)


def _without_thoughts(data: bytes) -> bytes:
    """Of a chunk or a whole answer that was read before: it has the shape of one. Raises MalformedStream."""
    if b"reasoning" not in data and b"\\u" not in data:
        return data
    try:
        fields = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:  # a number, or a depth, nobody looked at before
        raise MalformedStream("a chunk cannot be written anew") from error
    for choice in fields.get("choices") or ():
        for said in (choice.get("delta"), choice.get("message")):
            for name in THOUGHTS if said else ():
                said.pop(name, None)
    return msgspec.json.encode(fields)


def _framed(batch: Sequence[bytes]) -> bytes:
    return b"".join([event(made) for made in batch if made])
