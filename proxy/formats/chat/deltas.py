"""What the events of an answer add to a chat message, and the message they come to."""

from collections.abc import Iterable
from typing import Any

import msgspec

from proxy.conversation import Began, BlockBegan, BlockEnded, Delta, Event, Signed

PIECEMEAL = ("text", "arguments")
PROSE = {"text": "content", "refusal": "refusal"}


class _Block(msgspec.Struct):
    kind: str
    index: int | None = None  # among the calls, or among the thoughts: those count from their first word
    has_arguments: bool = False


class Deltas:
    """Turns events into deltas. Thoughts are told twice: as text, and in a form a client can send back.

    A call waits, with the first piece of its arguments, for what comes next: that may be its signature, which
    clients take only from the delta that names the call.
    """

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._thoughts = 0
        self._waiting: dict[str, Any] | None = None

    def of(self, event: Event) -> dict[str, Any]:
        """The delta of an event; empty for what is told at the end, and for a call that waits."""
        delta = self._delta(event)
        calls = delta.get("tool_calls", [])
        waiting, self._waiting = self._waiting, None
        if waiting is not None and calls and calls[0]["index"] == waiting["index"]:
            is_first = isinstance(event, Delta) and not waiting["function"]["arguments"]
            waiting = _merged(waiting, calls[0])
            if is_first:
                self._waiting = waiting
                return {}
            return {"tool_calls": [waiting]}
        if isinstance(event, BlockBegan) and calls:
            self._waiting, delta, calls = calls[0], {}, []
        return delta if waiting is None else {**delta, "tool_calls": [waiting, *calls]}

    def _delta(self, event: Event) -> dict[str, Any]:
        if isinstance(event, Delta):
            return self._more(self._blocks[event.block], event.text)
        if isinstance(event, BlockBegan):
            return self._begun(event)
        if isinstance(event, Signed):
            return self._signed(self._blocks[event.block], event)
        if isinstance(event, BlockEnded):
            return self._ended(self._blocks[event.block])
        if isinstance(event, Began):
            return {"role": "assistant", "content": ""}
        return {}

    def _begun(self, event: BlockBegan) -> dict[str, Any]:
        block = self._blocks[event.block] = _Block(event.kind)
        if event.kind != "tool":
            return {}
        block.index = self._calls
        self._calls += 1
        function = {"name": event.tool_name, "arguments": ""}
        return _call(block, id=event.tool_id, type="function", function=function)

    def _more(self, block: _Block, text: str) -> dict[str, Any]:
        if block.kind == "tool":
            block.has_arguments = block.has_arguments or bool(text)
            return _call(block, function={"arguments": text})
        if block.kind == "thinking":
            detail = self._detail(block, type="reasoning.text", text=text)
            return {"reasoning_content": text, "reasoning_details": [detail]}
        return {PROSE[block.kind]: text}

    def _signed(self, block: _Block, event: Signed) -> dict[str, Any]:
        if block.kind == "tool":
            google = {"thought_signature": event.signature}
            return _call(block, function={"arguments": ""}, extra_content={"google": google})
        if event.is_redacted:
            detail = self._detail(block, type="reasoning.encrypted", data=event.signature)
        else:
            detail = self._detail(block, type="reasoning.text", text="", signature=event.signature)
        return {"reasoning_details": [detail]}

    def _ended(self, block: _Block) -> dict[str, Any]:
        """Some providers say nothing for no arguments, where clients read the text of an object."""
        if block.kind != "tool" or block.has_arguments:
            return {}
        return _call(block, function={"arguments": "{}"})

    def _detail(self, block: _Block, **said: str) -> dict[str, Any]:
        if block.index is None:
            block.index = self._thoughts
            self._thoughts += 1
        return {**said, "index": block.index}


def _call(block: _Block, **said: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": block.index, **said}]}


def message(deltas: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The message that deltas come to."""
    said: dict[str, list[str]] = {"content": [], "refusal": [], "reasoning_content": []}
    details: dict[int, dict[str, Any]] = {}
    calls: dict[int, dict[str, Any]] = {}
    for delta in deltas:
        for name, pieces in said.items():
            pieces.append(delta.get(name) or "")
        for detail in delta.get("reasoning_details", ()):
            _add(details.setdefault(detail["index"], {"type": detail["type"]}), detail)
        for call in delta.get("tool_calls", ()):
            _add(calls.setdefault(call.pop("index"), {}), call)
    content, refusal, thoughts = ("".join(pieces) for pieces in said.values())
    made: dict[str, Any] = {"role": "assistant", "content": content, "refusal": refusal or None}
    if not content and (calls or refusal):
        made["content"] = None
    if thoughts:
        made["reasoning_content"] = thoughts
    if details:
        made["reasoning_details"] = [_joined(detail) for detail in details.values()]
    if calls:
        made["tool_calls"] = [_joined(call) for call in calls.values()]
    return made


def _merged(*pieces: dict[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for piece in pieces:
        _add(whole, piece)
    return _joined(whole)


def _add(whole: dict[str, Any], piece: dict[str, Any]) -> None:
    """Texts that come in pieces are gathered, all else is set."""
    for name, value in piece.items():
        if isinstance(value, dict):
            _add(whole.setdefault(name, {}), value)
        elif name in PIECEMEAL:
            whole.setdefault(name, []).append(value)
        else:
            whole[name] = value


def _joined(whole: dict[str, Any]) -> dict[str, Any]:
    made = dict(whole)
    for name, value in whole.items():
        if isinstance(value, dict):
            made[name] = _joined(value)
        elif name in PIECEMEAL:
            made[name] = "".join(value)
    return made
