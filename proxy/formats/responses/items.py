"""The input of a request: what was said before, item by item."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from core.strict_json import loads
from proxy.conversation import Part, Text, ToolResult, ToolUse, Turn
from proxy.formats.responses.fields import Fields
from proxy.formats.responses.parts import read_content
from proxy.formats.responses.thoughts import read_thought

ROLES = ("user", "assistant", "system", "developer")
STATES = ("in_progress", "completed", "incomplete")


class Conversation:
    """What was said so far, while it is read.

    The items of one answer (thoughts, texts, calls) become one turn, and so do the results of its calls.
    """

    def __init__(self) -> None:
        self.system: list[Text] = []
        self._turns: list[tuple[str, list[Part]]] = []
        self._calls: set[str] = set()

    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(
            [
                Turn("assistant" if kind == "assistant" else "user", tuple(parts))
                for kind, parts in self._turns
            ]
        )

    def read(self, items: Iterable[Fields]) -> None:
        for item in items:
            kind = item.text("type") or "message"
            item.text("id")  # of an item that is sent back: nothing is found by it here
            item.word("status", STATES)
            if kind == "message":
                self._message(item)
            elif kind == "function_call":
                self._join("assistant", self._call(item))
            elif kind == "function_call_output":
                self._join("results", self._result(item))
            elif kind == "reasoning":
                if (thought := read_thought(item)) is not None:
                    self._join("assistant", thought)
            elif kind == "item_reference":
                raise item.wrong("type", "must be no reference: nothing is kept here. Send the item itself")
            else:
                raise item.foreign("type", "is of an item that cannot be passed on. Leave the item out")
            item.none_left()

    def _message(self, item: Fields) -> None:
        role = item.word("role", ROLES)
        if role is None:
            raise item.wrong("role", "is missing")
        parts = read_content(item, "content")
        if not parts:
            raise item.wrong("content", "must hold at least one part")
        if role == "assistant":
            self._join(role, *parts)
        elif role == "user":
            self._turns.append((role, list(parts)))
        else:
            self._instruct(_texts(item, parts))

    def _instruct(self, texts: Sequence[Text]) -> None:
        """A later instruction keeps its place, as if the user said it: no provider need know another for it.

        At the front it would speak of what is not there yet, and undo what was cached.
        """
        if self._turns:
            self._turns.append(("user", list(texts)))
        else:
            self.system += texts

    def _call(self, item: Fields) -> ToolUse:
        call = ToolUse(
            id=item.needed_text("call_id"),
            name=item.needed_text("name"),
            arguments=(item.text("arguments") or "").strip() or "{}",
            signature=item.text("encrypted_content"),
        )
        if not _is_object(call.arguments):
            raise item.wrong("arguments", "must be the text of a JSON object")
        self._calls.add(call.id)
        return call

    def _result(self, item: Fields) -> ToolResult:
        call_id = item.needed_text("call_id")
        if call_id not in self._calls:
            raise item.wrong("call_id", "names no function_call before it. Send the call too")
        parts = read_content(item, "output")
        return ToolResult(
            call_id,
            tuple([replace(part, cache=False) for part in parts]),
            cache=any(part.cache for part in parts),  # a mark inside is one of the whole
        )

    def _join(self, kind: str, *parts: Part) -> None:
        if not self._turns or self._turns[-1][0] != kind:
            self._turns.append((kind, []))
        self._turns[-1][1].extend(parts)


def _texts(item: Fields, parts: Iterable[Part]) -> list[Text]:
    texts = []
    for part in parts:
        if not isinstance(part, Text):
            raise item.foreign("content", "must be text alone in instructions")
        texts.append(part)
    return texts


def _is_object(text: str) -> bool:
    try:
        return isinstance(loads(text.encode()), dict)
    except ValueError:
        return False
