"""Writing an answer in the Messages format: as a message, or as the events of one."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from core.errors import Refused
from proxy.answers import cost_fields, encode
from proxy.conversation import Began, BlockBegan, Event, Stopped
from proxy.formats.format import Bill
from proxy.formats.messages.blocks import Blocks, Wire
from proxy.formats.messages.errors import error_body
from proxy.sse import named_event

STOP_REASONS = {
    "end": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "filter": "refusal",
}
# Known only when all is over. SDKs replace it by what the last event says: no client keeps this.
NOT_KNOWN_YET = {
    "input_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 0,
}
_read_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class MessagesWriter:
    """Writes one answer."""

    def __init__(self, *, answer_id: str, model: str) -> None:
        self._answer_id = answer_id
        self._model = model
        self._blocks = Blocks()
        self._stopped: Stopped | None = None
        self._refuses = False  # in words

    def event(self, event: Event) -> bytes:
        if isinstance(event, Began):
            return _sse({"type": "message_start", "message": self._message([], None, NOT_KNOWN_YET)})
        return b"".join(map(_sse, self._take(event)))

    def end(self, bill: Bill) -> bytes:
        last = [
            *self._blocks.end(),
            {"type": "message_delta", "delta": self._stop(), "usage": usage_fields(bill)},
            {"type": "message_stop"},
        ]
        return b"".join(map(_sse, last))

    def failed(self, refused: Refused, bill: Bill, *, provider: str) -> bytes:
        body = error_body(refused, request_id=self._answer_id)
        body["error"]["metadata"] = {"provider_name": provider, "raw": refused.metadata.get("reason")}
        return _sse({**body, "usage": usage_fields(bill)})

    def whole(self, events: Iterable[Event], bill: Bill) -> bytes:
        told = [made for event in events for made in self._take(event)]
        content = _content([*told, *self._blocks.end()])
        return encode(self._message(content, self._stop(), usage_fields(bill)))

    def _take(self, event: Event) -> list[Wire]:
        if isinstance(event, Stopped):
            self._stopped = event
            return self._blocks.end()
        if isinstance(event, BlockBegan):
            self._refuses |= event.kind == "refusal"
        return self._blocks.take(event)

    def _stop(self) -> Wire:
        if self._stopped is None:
            return {"stop_reason": None, "stop_sequence": None}
        reason = STOP_REASONS[self._stopped.reason]
        if self._refuses and reason == "end_turn":
            reason = "refusal"
        return {"stop_reason": reason, "stop_sequence": self._stopped.sequence}

    def _message(self, content: list[Wire], stop: Wire | None, usage: Mapping[str, Any]) -> Wire:
        return {
            "id": self._answer_id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": content,
            **(stop or {"stop_reason": None, "stop_sequence": None}),
            "usage": usage,
        }


def usage_fields(bill: Bill) -> dict[str, Any]:
    """The usage a client sees. Here what was read from a cache or written to one is no part of the input."""
    usage = bill.ending.usage
    plain = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
    return {
        "input_tokens": max(0, plain),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        **cost_fields(bill.ending, bill.charge_n),
    }


def _sse(told: Wire) -> bytes:
    return named_event(told["type"], encode(told))


def _content(told: Iterable[Wire]) -> list[Wire]:
    """The blocks that the events of a stream come to."""
    content: list[Wire] = []
    pieces: list[str] = []
    for made in told:
        match made:
            case {"type": "content_block_start", "content_block": block}:
                content.append(block)
                pieces = []
            case {"delta": {"signature": signature}}:
                content[-1]["signature"] = signature
            case {"delta": {"text": piece} | {"thinking": piece} | {"partial_json": piece}}:
                pieces.append(piece)
            case {"type": "content_block_stop"}:
                _fill(content[-1], "".join(pieces))
    return content


def _fill(block: Wire, said: str) -> None:
    if block["type"] == "tool_use":
        block["input"] = _object(said)
    elif block["type"] in block:  # text is the text of a text, and so with a thought
        block[block["type"]] = said


def _object(arguments: str) -> Any:
    """The input of a tool. One that was cut short is no JSON: then it is told as the text it is."""
    if not arguments.strip():
        return {}
    try:
        return _read_object(arguments)
    except (msgspec.DecodeError, RecursionError):
        return {"INVALID_JSON": arguments}
