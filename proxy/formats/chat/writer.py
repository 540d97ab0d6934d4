"""Answers as chat completions, whole or chunk by chunk."""

from collections.abc import Iterable
from typing import Any

from core.errors import Refused
from proxy.answers import encode, error_chunk, usage_object
from proxy.conversation import Event, Stopped, StopReason
from proxy.formats.chat.deltas import Deltas, message
from proxy.formats.format import Bill
from proxy.sse import DONE
from proxy.sse import event as framed

REASONS: dict[StopReason, str] = {
    "end": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_use": "tool_calls",
    "filter": "content_filter",
}


class ChatWriter:
    """Writes one answer under our own id."""

    def __init__(self, *, answer_id: str, model: str, created: int) -> None:
        self._answer_id, self._model = answer_id, model
        self._head = {"id": answer_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._deltas = Deltas()

    def event(self, event: Event) -> bytes:
        ending = _ending(event) if isinstance(event, Stopped) else {"finish_reason": None}
        delta = self._deltas.of(event)
        if not delta and not isinstance(event, Stopped):
            return b""
        return self._framed(choices=[{"index": 0, "delta": delta, **ending}])

    def end(self, bill: Bill) -> bytes:
        return self._framed(choices=[], usage=_usage(bill)) + framed(DONE)

    def failed(self, refused: Refused, bill: Bill, *, provider: str) -> bytes:
        chunk = error_chunk(
            refused, answer_id=self._answer_id, model=self._model, usage=_usage(bill), provider=provider
        )
        return framed(chunk) + framed(DONE)

    def whole(self, events: Iterable[Event], bill: Bill) -> bytes:
        ending: dict[str, Any] = {"finish_reason": "stop"}
        deltas = []
        for event in events:
            deltas.append(self._deltas.of(event))
            if isinstance(event, Stopped):
                ending = _ending(event)
        choice = {"index": 0, "message": message(deltas), "logprobs": None, **ending}
        head = {**self._head, "object": "chat.completion"}
        return encode({**head, "choices": [choice], "usage": _usage(bill)})

    def _framed(self, **said: Any) -> bytes:
        return framed(encode({**self._head, **said}))


def _ending(stopped: Stopped) -> dict[str, Any]:
    return {"finish_reason": REASONS[stopped.reason], "native_finish_reason": stopped.native or None}


def _usage(bill: Bill) -> dict[str, Any]:
    return usage_object(None, bill.ending.usage, bill.ending, bill.charge_n)
