"""The blocks of a chat answer, which has none: where they begin and end is told by what comes next."""

from collections.abc import Generator, Iterator

import msgspec

from proxy.conversation import BlockBegan, BlockEnded, Delta, Event, Signed
from proxy.providers.openai.chunks import Function, Kind, ToolCall, arguments
from proxy.sse import MalformedStream


class _Prose(msgspec.Struct):
    block: int
    kind: Kind
    key: int | None  # which thought it is, for those who count them


class _Tool(msgspec.Struct):
    block: int
    id: str
    has_arguments: bool = False


class Blocks:
    """At most one stretch of prose is open; calls of tools stay open to the end, since they may alternate."""

    def __init__(self) -> None:
        self._count = 0
        self._prose: _Prose | None = None
        self._tools: list[_Tool] = []
        self._by_index: dict[int, _Tool] = {}

    @property
    def has_tools(self) -> bool:
        return bool(self._tools)

    def say(self, kind: Kind, text: str, *, key: int | None = None) -> Iterator[Event]:
        """More of what is open, or the beginning of what is not."""
        if text:
            block = yield from self._opened(kind, key)
            yield Delta(block, text)

    def sign(self, signature: str, *, key: int | None) -> Iterator[Event]:
        """A signature closes its thought: a further one is another."""
        block = yield from self._opened("thinking", key)
        yield Signed(block, signature)
        yield from self._end_prose()

    def hidden(self, data: str) -> Iterator[Event]:
        yield from self._end_prose()
        block = yield from self._opened("thinking", None)
        yield Signed(block, data, is_redacted=True)
        yield from self._end_prose()

    def call(self, call: ToolCall, *, made_id: str) -> Iterator[Event]:
        """A call of a tool, or more of one. `made_id` begins the id of a call that comes without."""
        function = call.function or Function()
        index = self._index(call)
        tool = self._by_index.get(index)
        # Some give all their calls one index: a name under another id is another call.
        if function.name and (tool is None or (call.id and call.id != tool.id)):
            yield from self._end_prose()
            block = self._number()
            tool = _Tool(block, call.id or f"{made_id}{block}")
            self._tools.append(tool)
            self._by_index[index] = tool
            yield BlockBegan(block, "tool", tool_id=tool.id, tool_name=function.name)
        piece = arguments(function.arguments)
        if tool is None:
            if piece:
                raise MalformedStream("the call of a tool has no name")
            return
        if piece:
            tool.has_arguments = True
            yield Delta(tool.block, piece)
        if (signature := call.signature) is not None:
            yield Signed(tool.block, signature)

    def end(self) -> Iterator[Event]:
        yield from self._end_prose()
        for tool in self._tools:
            if not tool.has_arguments:
                yield Delta(tool.block, "{}")
            yield BlockEnded(tool.block)

    def _index(self, call: ToolCall) -> int:
        """Its place among the calls; one that does not say it is the next if it has an id, else the last."""
        if call.index is not None:
            return call.index
        last = max(self._by_index, default=-1)
        return last + 1 if call.id or last < 0 else last

    def _opened(self, kind: Kind, key: int | None) -> Generator[Event, None, int]:
        prose = self._prose
        if prose is None or prose.kind != kind or (key is not None and prose.key not in {None, key}):
            yield from self._end_prose()
            prose = self._prose = _Prose(self._number(), kind, key)
            yield BlockBegan(prose.block, kind)
        return prose.block

    def _number(self) -> int:
        self._count += 1
        return self._count - 1

    def _end_prose(self) -> Iterator[Event]:
        if self._prose is not None:
            yield BlockEnded(self._prose.block)
            self._prose = None
