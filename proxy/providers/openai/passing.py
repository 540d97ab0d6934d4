"""Passing through: a client's own chat request sent on, and its answer looked at only to be metered."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from proxy.providers.content import media_bytes, says_something, text_bytes
from proxy.sse import MalformedStream

MAX_FINISH_REASON = 64
LIMITS = ("max_tokens", "max_completion_tokens")  # two names of one bound: the looser one must not stay
OURS = ("debug", "models", "provider")  # fields that speak to us, not to the provider


# Text is `Any` where providers differ: some send parts, or arguments as an object, where OpenAI sends text.
class _Function(msgspec.Struct):
    arguments: Any = None
    name: Any = None


class _ToolCall(msgspec.Struct):
    function: _Function | None = None
    custom: Any = None  # a call whose input is any text


class _Delta(msgspec.Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    refusal: Any = None
    function_call: Any = None  # before there were tools
    tool_calls: list[_ToolCall] | None = None
    audio: Any = None
    images: Any = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    text: Any = None  # of an older completion, which has nothing else
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


class _Choices(msgspec.Struct):
    choices: list[dict[str, Any]]


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_choices = msgspec.json.Decoder(_Choices).decode
_decode_shallow = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode


class Frame(NamedTuple):
    """What one piece of an answer tells us. `produced_bytes` is what it holds, of whatever kind, as text."""

    produced_bytes: int
    finish_reason: str | None
    has_choices: bool
    usage: Any
    error: Any


def request_body(
    fields: Mapping[str, msgspec.Raw], *, model: str, stream: bool, max_tokens: tuple[str, int] | None
) -> bytes:
    """The client's body with the provider's model name in it, and usage asked for. The rest is byte-true."""
    body: dict[str, Any] = {name: value for name, value in fields.items() if name not in OURS}
    body["model"] = model
    if stream:
        body["stream_options"] = {**_options(fields), "include_usage": True}
    if max_tokens is not None:
        name, bound = max_tokens
        body = {field: value for field, value in body.items() if field not in LIMITS}
        body[name] = bound
    return msgspec.json.encode(body)


def _options(fields: Mapping[str, msgspec.Raw]) -> dict[str, Any]:
    return (_decode_shallow(fields["stream_options"]) if "stream_options" in fields else None) or {}


def read_frame(data: bytes) -> Frame:
    """Read one stream chunk, or a whole plain answer. Raises MalformedStream for what is no JSON object."""
    try:
        data.decode()  # the decoder looks only at the fields it wants; the client gets them all
        chunk = _decode_chunk(data)
        produced = sum([_said(choice) for choice in chunk.choices or ()])
        if not produced and chunk.choices:
            produced = _unread(_decode_choices(data).choices)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedStream("a chunk is not the JSON of a chat answer") from error
    finish = None
    for choice in chunk.choices or ():
        if choice.finish_reason:
            finish = clean(choice.finish_reason) or finish
    return Frame(produced, finish, bool(chunk.choices), chunk.usage, chunk.error)


def clean(finish_reason: str) -> str:
    """A reason that can be booked: text PostgreSQL refuses, as with NUL, would keep a call from settling."""
    if not finish_reason.isprintable():
        finish_reason = "".join(c for c in finish_reason if c.isprintable())
    return finish_reason[:MAX_FINISH_REASON]


def _said(choice: _Choice) -> int:
    said = choice.delta or choice.message
    return text_bytes(choice.text) if said is None else _produced(said)


def _unread(choices: list[dict[str, Any]]) -> int:
    """What is left to count where nothing was: what is no text, or of a kind nobody knew, is something."""
    said = [choice.get(name) for choice in choices for name in ("delta", "message", "logprobs")]
    return int(says_something(said))


def _produced(delta: _Delta) -> int:
    size = 0
    thought = (
        delta.reasoning_content or delta.reasoning or _words(delta.reasoning_details)
    )  # told once or twice
    for text in (thought, delta.refusal, delta.function_call):
        if text:
            size += text_bytes(text)
    for part in (delta.content, delta.audio, delta.images):
        if part:
            size += media_bytes(part)
    for call in delta.tool_calls or ():
        size += text_bytes(call.custom)
        if call.function is not None:
            size += text_bytes(call.function.name) + text_bytes(call.function.arguments)
    return size


def _words(details: Any) -> list[Any] | None:
    """What can be read of a thought told in pieces; of a hidden one, what stands in its place. Signatures are
    no text.
    """
    if not isinstance(details, list):
        return None
    told = [detail for detail in details if isinstance(detail, dict)]
    return [detail.get("text") or detail.get("summary") or detail.get("data") for detail in told]
