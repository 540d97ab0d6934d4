"""Reading Anthropic's answers, whole or event by event."""

from typing import Any, Literal

import msgspec

from proxy.conversation import Began, BlockBegan, BlockEnded, Delta, Event, Signed, Stopped, StopReason, Told
from proxy.providers.anthropic import wire
from proxy.providers.anthropic.usage import Tally
from proxy.providers.anthropic.wire import text_of
from proxy.sse import MalformedStream

Kind = Literal["text", "thinking", "tool"]
KINDS: dict[str, Kind] = {
    "text": "text",
    "thinking": "thinking",
    "redacted_thinking": "thinking",
    "tool_use": "tool",
}
REASONS: dict[str, StopReason] = {
    "end_turn": "end",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "refusal": "filter",
}  # any other is an end, such as that of a turn that was paused: the native word says which


class _Open(msgspec.Struct):
    """A block that is not over. One of a kind nobody knows has no number, and is passed over.

    What a provider runs itself comes in such blocks, and calls that would make it do so are refused. But text
    is what the client is there for: when there is text in one after all, it is a block of text.
    """

    block: int | None = None
    kind: Kind | None = None
    arguments: str = ""  # of a tool, as the beginning of the block has them
    has_grown: bool = False


class AnthropicReader:
    has_last_word = True

    def __init__(self) -> None:
        self.is_done = False
        self._has_begun = False
        self._has_stopped = False
        self._open: dict[int | None, _Open] = {}  # by the provider's number
        self._next = 0
        self._tally = Tally()

    def event(self, data: bytes) -> list[Event]:
        event = wire.read_event(data)
        match event.type:
            case "content_block_delta":
                return self._block_delta(event)
            case "content_block_start":
                return self._block_start(event)
            case "content_block_stop":
                return self._block_stop(event)
            case "message_start":
                return self._message_start(event)
            case "message_delta":
                return self._message_delta(event)
            case "message_stop":
                return self._message_stop()
            case "error":
                raise MalformedStream("the provider reports an error")
        return []  # such as a ping

    def whole(self, body: bytes) -> list[Event]:
        message = wire.read_message(body)
        if message.type == "error":
            raise MalformedStream("the provider reports an error")
        events = self._message(message)
        events += self._stop(message.stop_reason, message.stop_sequence)
        if not self._has_stopped:
            raise MalformedStream("the answer does not say why it is over")
        self.is_done = True
        return [*events, *self._usage(message.usage)]

    # The events of a stream.

    def _message_start(self, event: wire.StreamEvent) -> list[Event]:
        if event.message is None or self._has_begun:
            raise MalformedStream("an answer begins without a message, or twice")
        return [*self._message(event.message), *self._usage(event.message.usage)]

    def _block_start(self, event: wire.StreamEvent) -> list[Event]:
        number, content = event.index, event.content_block
        if content is None or number is None or number in self._open or self._has_stopped:
            raise MalformedStream("a block begins without its content, twice, or after the end")
        if not self._has_begun:
            raise MalformedStream("a block of an answer that has not begun")
        self._open[number], events = self._begin(content)
        return events

    def _block_delta(self, event: wire.StreamEvent) -> list[Event]:
        block, delta = self._open.get(event.index), event.delta
        if block is None or delta is None:
            raise MalformedStream("more of a block that is not open")
        match delta.type:
            case "text_delta":
                return self._grow(block, "text", delta.text)
            case "thinking_delta":
                return self._grow(block, "thinking", delta.thinking)
            case "input_json_delta" if block.block is not None:
                return self._grow(block, "tool", delta.partial_json)
            case "signature_delta" if block.block is not None and block.kind == "thinking":
                return [Signed(block.block, signature)] if (signature := text_of(delta.signature)) else []
        return []  # what is said about an answer, such as where a text was found, is not of it

    def _block_stop(self, event: wire.StreamEvent) -> list[Event]:
        block = self._open.pop(event.index, None)
        if block is None:
            raise MalformedStream("a block ends that is not open")
        return _end(block)

    def _message_delta(self, event: wire.StreamEvent) -> list[Event]:
        if not self._has_begun:
            raise MalformedStream("the end of an answer that has not begun")
        events: list[Event] = []
        if event.delta is not None:
            events += self._stop(event.delta.stop_reason, event.delta.stop_sequence)
        return [*events, *self._usage(event.usage)]

    def _message_stop(self) -> list[Event]:
        if not self._has_stopped:
            raise MalformedStream("the answer does not say why it is over")
        self.is_done = True
        return []

    # What they are made of.

    def _message(self, message: wire.Message) -> list[Event]:
        """The beginning of an answer, and as much of it as is there."""
        if message.content is None:
            raise MalformedStream("the answer has no content")
        self._has_begun = True
        events: list[Event] = [Began(message.id if isinstance(message.id, str) else None)]
        for content in message.content:
            block, begun = self._begin(content)
            events += begun
            events += _end(block)
        return events

    def _begin(self, content: wire.Block) -> tuple[_Open, list[Event]]:
        block, kind = _Open(), KINDS.get(content.type)
        if kind == "tool":
            name, tool_id = text_of(content.name), text_of(content.id)
            if not name or not tool_id:
                raise MalformedStream("a tool call has no name or no id")
            block.arguments = bytes(content.input).decode()
            return block, [self._number(block, "tool", tool_id=tool_id, tool_name=name)]
        if kind == "thinking":
            return block, self._begin_thought(block, content)
        if kind == "text":
            return block, [self._number(block, "text"), *self._grow(block, "text", content.text)]
        if isinstance(content.text, str) and content.text:
            return block, self._grow(block, "text", content.text)
        return block, []

    def _begin_thought(self, block: _Open, content: wire.Block) -> list[Event]:
        began = self._number(block, "thinking")
        events: list[Event] = [began, *self._grow(block, "thinking", content.thinking)]
        if signature := text_of(content.signature):
            events.append(Signed(began.block, signature))
        if hidden := text_of(content.data):
            events.append(Signed(began.block, hidden, is_redacted=True))
        return events

    def _number(self, block: _Open, kind: Kind, *, tool_id: str = "", tool_name: str = "") -> BlockBegan:
        block.block, block.kind = self._next, kind
        self._next += 1
        return BlockBegan(block.block, kind, tool_id=tool_id, tool_name=tool_name)

    def _grow(self, block: _Open, kind: Kind, more: Any) -> list[Event]:
        text = text_of(more)
        if not text:
            return []
        events: list[Event] = [] if block.block is not None else [self._number(block, kind)]
        if block.block is None or block.kind != kind:
            raise MalformedStream("a block grows by what is not of its kind")
        block.has_grown = True
        return [*events, Delta(block.block, text)]

    def _stop(self, reason: Any, sequence: Any) -> list[Event]:
        """Why the answer is over, once that is said: with it, all of its blocks are."""
        native = text_of(reason)
        if not native or self._has_stopped:
            return []
        self._has_stopped = True
        events: list[Event] = [event for block in self._open.values() for event in _end(block)]
        self._open.clear()
        hit = sequence if isinstance(sequence, str) else None
        return [*events, Stopped(REASONS.get(native, "end"), native, hit)]

    def _usage(self, stated: Any) -> list[Event]:
        usage = self._tally.told(stated)
        return [] if usage is None else [Told(usage, self._tally.adds_up)]


def _end(block: _Open) -> list[Event]:
    if block.block is None:
        return []
    events: list[Event] = []
    if block.kind == "tool" and not block.has_grown:
        events.append(Delta(block.block, _arguments(block.arguments)))
    return [*events, BlockEnded(block.block)]


def _arguments(text: str) -> str:
    """The arguments of a call that came with its beginning; none are those of a tool that takes none."""
    if text == "null":
        return "{}"
    if not text.startswith("{"):
        raise MalformedStream("the arguments of a tool call are no JSON object")
    return text
