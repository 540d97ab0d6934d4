"""The blocks of an answer one after another: in the Messages format one is open at a time.

Text and thoughts that go on behind another block go on in a block of their own. The input of a tool cannot be
cut like that: what begins while it is written waits for its end.
"""

from collections import OrderedDict
from typing import Any

from proxy.conversation import BlockBegan, BlockEnded, Delta, Event, Signed

Wire = dict[str, Any]
DELTAS = {
    "text": ("text_delta", "text"),
    "refusal": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool": ("input_json_delta", "partial_json"),
}


class Blocks:
    """Turns events into those of the format: content_block_start, _delta and _stop.

    A block is told with the first of what is in it: so there are no empty ones, which nobody could send back.
    The first piece of a tool's input waits for what comes next: it may be a signature, and what a block is
    told with is all of it that an SDK gives back.
    """

    def __init__(self) -> None:
        self._began: dict[int, BlockBegan] = {}
        self._open: BlockBegan | None = None
        self._is_told = False  # the open block
        self._first = ""  # what waits of its input
        self._index = 0  # of the open block, or of the next
        self._waiting: OrderedDict[int, list[BlockBegan | Delta | Signed | BlockEnded]] = OrderedDict()

    def take(self, event: Event) -> list[Wire]:
        """What is told now for an event; nothing for those that are not of blocks."""
        if not isinstance(event, BlockBegan | Delta | Signed | BlockEnded):
            return []
        if self._has_to_wait(event.block):
            self._waiting.setdefault(event.block, []).append(event)
            return []
        return [*self._taken(event), *self._caught_up()]

    def end(self) -> list[Wire]:
        """Nothing more comes."""
        made = self._closed()
        while self._waiting:
            made += self._caught_up() + self._closed()
        return made

    def _has_to_wait(self, block: int) -> bool:
        return self._open is not None and self._open.kind == "tool" and self._open.block != block

    def _taken(self, event: BlockBegan | Delta | Signed | BlockEnded) -> list[Wire]:
        is_open = self._open is not None and self._open.block == event.block
        match event:
            case BlockBegan():
                self._began[event.block] = event
                return self._opened(event)
            case BlockEnded():
                return self._closed() if is_open else []
            case _:
                made = [] if is_open else self._opened(self._began[event.block])
                return made + (self._piece(event) if isinstance(event, Delta) else self._signed(event))

    def _opened(self, began: BlockBegan) -> list[Wire]:
        made = self._closed()
        self._open, self._is_told = began, False
        return made

    def _closed(self) -> list[Wire]:
        if self._open is None:
            return []
        made = self._call(self._open) if self._open.kind == "tool" else []  # one without input is one, too
        if self._is_told:
            made.append({"type": "content_block_stop", "index": self._index})
            self._index += 1
        self._open, self._is_told = None, False
        return made

    def _caught_up(self) -> list[Wire]:
        """What waited, block by block: each once, however many wait for one another."""
        made: list[Wire] = []
        while self._waiting and not self._has_to_wait(next(iter(self._waiting))):
            for event in self._waiting.popitem(last=False)[1]:
                made += self._taken(event)
        return made

    def _told(self, began: BlockBegan, **more: str) -> list[Wire]:
        if self._is_told:
            return []
        self._is_told = True
        return [{"type": "content_block_start", "index": self._index, "content_block": _block(began, **more)}]

    def _piece(self, delta: Delta) -> list[Wire]:
        assert self._open is not None  # whoever has a piece has opened its block
        if not delta.text:
            return []
        if self._open.kind != "tool":
            return [*self._told(self._open), self._delta(self._open, delta.text)]
        if not self._is_told and not self._first:
            self._first = delta.text
            return []
        return [*self._call(self._open), self._delta(self._open, delta.text)]

    def _call(self, began: BlockBegan, **more: str) -> list[Wire]:
        """A tool call up to what waits of its input."""
        made = self._told(began, **more)
        if self._first:
            made.append(self._delta(began, self._first))
            self._first = ""
        return made

    def _signed(self, signed: Signed) -> list[Wire]:
        began = self._open
        assert began is not None  # as above
        if began.kind == "tool" and not self._is_told:
            return self._call(began, signature=signed.signature)
        if began.kind not in ("tool", "thinking"):
            return []  # nobody wants anything back with a text
        if signed.is_redacted:
            made = self._opened(began) if self._is_told else []
            self._is_told = True
            block = {"type": "redacted_thinking", "data": signed.signature}
            made.append({"type": "content_block_start", "index": self._index, "content_block": block})
            return made + self._closed()
        signature = {"type": "signature_delta", "signature": signed.signature}
        return [*self._told(began), {"type": "content_block_delta", "index": self._index, "delta": signature}]

    def _delta(self, began: BlockBegan, text: str) -> Wire:
        kind, field = DELTAS[began.kind]
        return {"type": "content_block_delta", "index": self._index, "delta": {"type": kind, field: text}}


def _block(began: BlockBegan, **more: str) -> Wire:
    match began.kind:
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        case "tool":
            return {"type": "tool_use", "id": began.tool_id, "name": began.tool_name, "input": {}, **more}
        case _:
            return {"type": "text", "text": ""}
