"""The Messages API's answers as they stand on the wire, and no more of them than is looked at.

What differs by kind is `Any`: a kind nobody knows yet may use the same name for something else.
"""

from typing import Any, TypeVar

import msgspec

from proxy.sse import MalformedStream

_Read = TypeVar("_Read")


class Block(msgspec.Struct):
    type: str
    text: Any = None
    thinking: Any = None
    signature: Any = None
    data: Any = None
    id: Any = None
    name: Any = None
    input: msgspec.Raw = msgspec.Raw(b"{}")


class Delta(msgspec.Struct):
    type: Any = None
    text: Any = None
    thinking: Any = None
    signature: Any = None
    partial_json: Any = None
    stop_reason: Any = None
    stop_sequence: Any = None


class Message(msgspec.Struct):
    type: Any = None
    id: Any = None
    content: list[Block] | None = None
    stop_reason: Any = None
    stop_sequence: Any = None
    usage: Any = None


class StreamEvent(msgspec.Struct):
    type: str
    index: int | None = None
    message: Message | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: Any = None


class _Kind(msgspec.Struct):
    type: str


ANSWERS = frozenset(
    (
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    )
)
_event = msgspec.json.Decoder(StreamEvent)
_kind = msgspec.json.Decoder(_Kind)
_message = msgspec.json.Decoder(Message)


def read_event(data: bytes) -> StreamEvent:
    """One event; only its kind where that is all there is to know. Raises MalformedStream."""
    try:
        return _decoded(_event, data)
    except MalformedStream:
        kind = _decoded(_kind, data).type
        if kind in ANSWERS:
            raise
        return StreamEvent(kind)


def read_message(body: bytes) -> Message:
    """A whole answer. Raises MalformedStream."""
    return _decoded(_message, body)


def text_of(value: Any) -> str:
    """Text that may be left out. Raises MalformedStream for what is no text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedStream("something else stands where text should")
    return value


def _decoded(decoder: msgspec.json.Decoder[_Read], data: bytes) -> _Read:
    try:
        data.decode()  # the decoder looks only at the fields it wants
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedStream("this is not the JSON of an answer") from error
