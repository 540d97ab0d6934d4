"""The OpenAI dialect: what to send, and how to read what comes back. Pure; no I/O."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from core.rules.prices import Usage
from proxy.sse import MalformedStream

MAX_TOKENS_PER_CALL = 1 << 31
MAX_FINISH_REASON = 64
CHAT_PATH = "/chat/completions"
LIMITS = ("max_tokens", "max_completion_tokens")  # two names of one bound: the looser one must not stay
OURS = ("debug", "models", "provider")  # fields that speak to us, not to the provider


# Text is `Any` where providers differ: some send parts, or arguments as an object, where OpenAI sends text.
class _Function(msgspec.Struct):
    arguments: Any = None
    name: Any = None


class _ToolCall(msgspec.Struct):
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_any = msgspec.json.Decoder().decode


class Frame(NamedTuple):
    """What one piece of an answer tells us. `produced_bytes` is the text in it, of whatever kind."""

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
    options = _decode_any(fields["stream_options"]) if "stream_options" in fields else None
    return options if isinstance(options, dict) else {}


def headers(api_key: str) -> dict[str, str]:
    """What a provider is told beside the body and the request id. Nothing of it comes from the client."""
    return {
        "Authorization": f"Bearer {api_key}",
        "Content-Type": "application/json",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "User-Agent": "BazaarLink",
    }


def read_frame(data: bytes) -> Frame:
    """Read one stream chunk, or a whole plain answer. Raises MalformedStream for what is no JSON object."""
    try:
        data.decode()  # the decoder looks only at the fields it wants; the client gets them all
        chunk = _decode_chunk(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedStream("a chunk is not the JSON of a chat answer") from error
    finish, produced = None, 0
    for choice in chunk.choices or ():
        if choice.finish_reason:
            finish = _clean(choice.finish_reason) or finish
        produced += _produced(choice.delta or choice.message)
    return Frame(produced, finish, bool(chunk.choices), chunk.usage, chunk.error)


def _clean(finish_reason: str) -> str:
    """It is booked: a text PostgreSQL refuses, such as one with NUL, would keep a call from settling."""
    if not finish_reason.isprintable():
        finish_reason = "".join(c for c in finish_reason if c.isprintable())
    return finish_reason[:MAX_FINISH_REASON]


def _produced(delta: _Delta | None) -> int:
    if delta is None:
        return 0
    size = 0
    for text in (delta.content, delta.reasoning_content or delta.reasoning, delta.refusal):
        if text:
            size += _text_bytes(text)
    for call in delta.tool_calls or ():
        if call.function is not None:
            size += _text_bytes(call.function.name) + _text_bytes(call.function.arguments)
    return size


def _text_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode())
    if isinstance(value, list):
        return sum(_text_bytes(part) for part in value)
    if isinstance(value, dict):
        return sum(_text_bytes(part) for name, part in value.items() if name != "type")
    return 0


def read_usage(stated: Any) -> Usage | None:
    """The usage a provider states; None when it states none, or what cannot be true."""
    if not isinstance(stated, dict):
        return None
    counts = _counts(stated)
    for count in counts:
        if type(count) is not int or not 0 <= count < MAX_TOKENS_PER_CALL:
            return None
    into, out, cached, written, audio_in, reasoning, audio_out = counts
    plain_in, plain_out = into - cached - written, out - reasoning
    if plain_in < 0 or plain_out < 0:
        return None
    return Usage(
        input_tokens=into,
        output_tokens=out,
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=reasoning,
        # Audio may be cached, or thought in: it is then counted as that, and once.
        input_audio_tokens=min(audio_in, plain_in),
        output_audio_tokens=min(audio_out, plain_out),
    )


def _counts(stated: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a usage object counts, as it stands there; details that are missing, or null, are none."""
    of_input: Any = stated.get("prompt_tokens_details")
    of_input = of_input if isinstance(of_input, dict) else {}
    of_output: Any = stated.get("completion_tokens_details")
    of_output = of_output if isinstance(of_output, dict) else {}
    return (
        stated.get("prompt_tokens"),
        stated.get("completion_tokens"),
        of_input.get("cached_tokens") or 0,
        of_input.get("cache_write_tokens") or 0,
        of_input.get("audio_tokens") or 0,
        of_output.get("reasoning_tokens") or 0,
        of_output.get("audio_tokens") or 0,
    )
