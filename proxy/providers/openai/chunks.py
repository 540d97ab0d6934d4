"""The wire format of chat answers: what of it is read, and what makes it unreadable."""

from typing import Any, Literal

import msgspec

from proxy.sse import MalformedStream

Kind = Literal["text", "thinking", "refusal"]


# Loose where providers differ: some send parts, or arguments as an object, where OpenAI sends text.
class Function(msgspec.Struct):
    name: str | None = None
    arguments: msgspec.Raw = msgspec.Raw(b"null")


class ToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: Function | None = None
    extra_content: Any = None

    @property
    def signature(self) -> str | None:
        """What Google wants back with a call of a tool."""
        google = self.extra_content.get("google") if isinstance(self.extra_content, dict) else None
        signature = google.get("thought_signature") if isinstance(google, dict) else None
        return signature if isinstance(signature, str) else None


class Detail(msgspec.Struct):
    """A piece of thought, as those send it who sign thoughts."""

    type: str = ""
    index: int | None = None
    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None


class Message(msgspec.Struct):
    content: Any = None
    reasoning_content: str | None = None
    reasoning: Any = None
    reasoning_details: list[Detail] | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(msgspec.Struct):
    index: int | None = None
    delta: Message | None = None
    message: Message | None = None
    finish_reason: str | None = None
    native_finish_reason: str | None = None


class Chunk(msgspec.Struct):
    id: Any = None
    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(Chunk).decode
_decode_text = msgspec.json.Decoder(str | None).decode


def read_chunk(data: bytes) -> Chunk:
    """Read one stream chunk, or a whole answer. Raises MalformedStream for an error, or what is neither."""
    try:
        chunk = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedStream("a chunk is not the JSON of a chat answer") from error
    if chunk.error or any(choice.finish_reason == "error" for choice in chunk.choices or ()):
        raise MalformedStream("the provider reports an error")
    return chunk


def stretches(content: Any) -> list[tuple[Kind, str]]:
    """What a content says, stretch by stretch. What no event can say, such as an image, is not among it: it
    was not asked for.
    """
    if content is None:
        return []
    if isinstance(content, str):
        return [("text", content)]
    if not isinstance(content, list):
        raise MalformedStream("a content is neither text nor a list of parts")
    return [stretch for part in content if isinstance(part, dict) for stretch in _of_part(part)]


def _of_part(part: dict[str, Any]) -> list[tuple[Kind, str]]:
    if part.get("type") == "thinking":
        return [("thinking", text) for text in _thought(part.get("thinking"))]
    kind: Kind = "refusal" if part.get("type") == "refusal" else "text"
    text = part.get(kind)
    return [(kind, text)] if isinstance(text, str) else []


def _thought(content: Any) -> list[str]:
    """The words of a thought: text, or parts of text. There is no thought within one."""
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list | None):
        raise MalformedStream("a thought is neither text nor a list of parts")
    texts = [part.get("text") for part in content or () if isinstance(part, dict)]
    return [text for text in texts if isinstance(text, str)]


def arguments(value: msgspec.Raw) -> str:
    """A piece of arguments as text: some servers send the whole object, which is kept as it came."""
    written = bytes(value)
    try:
        return written.decode() if written.startswith(b"{") else _decode_text(written) or ""
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedStream("the arguments of a tool are neither text nor an object") from error
