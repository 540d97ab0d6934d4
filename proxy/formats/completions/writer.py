"""Answers as completions, whole or chunk by chunk. What was only thought has no place in them."""

from collections.abc import Iterable
from typing import Any

from core.errors import Refused
from proxy.answers import ChunkShape, encode, error_chunk, usage_object
from proxy.conversation import BlockBegan, Delta, Event, Stopped
from proxy.formats.chat.writer import REASONS
from proxy.formats.format import Bill
from proxy.sse import DONE
from proxy.sse import event as framed

SPOKEN = ("text", "refusal")
COMPLETION_CHUNK = ChunkShape("text_completion", {"text": "", "logprobs": None})


class CompletionsWriter:
    """Writes one answer under our own id."""

    def __init__(self, *, answer_id: str, model: str, created: int) -> None:
        self._answer_id, self._model = answer_id, model
        self._head = {"id": answer_id, "object": COMPLETION_CHUNK.object, "created": created, "model": model}
        self._spoken: set[int] = set()  # blocks

    def event(self, event: Event) -> bytes:
        text, ending = self._text(event), _ending(event)
        if not text and not ending:
            return b""
        return framed(encode({**self._head, "choices": [_choice(text, ending)]}))

    def end(self, bill: Bill) -> bytes:
        return framed(encode({**self._head, "choices": [], "usage": _usage(bill)})) + framed(DONE)

    def failed(self, refused: Refused, bill: Bill, *, provider: str) -> bytes:
        chunk = error_chunk(
            refused,
            answer_id=self._answer_id,
            model=self._model,
            usage=_usage(bill),
            provider=provider,
            shape=COMPLETION_CHUNK,
        )
        return framed(chunk) + framed(DONE)

    def whole(self, events: Iterable[Event], bill: Bill) -> bytes:
        ending: dict[str, Any] = {"finish_reason": "stop"}
        pieces = []
        for event in events:
            pieces.append(self._text(event))
            ending = _ending(event) or ending
        return encode({**self._head, "choices": [_choice("".join(pieces), ending)], "usage": _usage(bill)})

    def _text(self, event: Event) -> str:
        if isinstance(event, BlockBegan) and event.kind in SPOKEN:
            self._spoken.add(event.block)
        return event.text if isinstance(event, Delta) and event.block in self._spoken else ""


def _choice(text: str, ending: dict[str, Any]) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": None, **ending}


def _ending(event: Event) -> dict[str, Any]:
    if not isinstance(event, Stopped):
        return {}
    return {"finish_reason": REASONS[event.reason], "native_finish_reason": event.native or None}


def _usage(bill: Bill) -> dict[str, Any]:
    return usage_object(None, bill.ending.usage, bill.ending, bill.charge_n)
