"""The OpenAI dialect: what to send, and how to read what comes back. Pure; no I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from core.rules.prices import Usage
from proxy.sse import MalformedStream

MAX_TOKENS_PER_CALL = 1 << 31
MAX_FINISH_REASON = 64
CHAT_PATH = "/chat/completions"
LIMITS = ("max_tokens", "max_completion_tokens")  # two names of one bound: the looser one must not stay
OURS = ("debug",)  # fields that speak to us, not to the provider
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_ERROR = re.compile(rb'"error"\s*:\s*[{"]')


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


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_any = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Frame:
    """What one piece of an answer tells us. `produced_bytes` is the text in it, of whatever kind."""

    produced_bytes: int
    finish_reason: str | None
    has_choices: bool
    document: dict[str, Any] | None  # parsed whole only when it carries usage or an error


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


def headers(api_key: str, *, request_id: str) -> dict[str, str]:
    """All that a provider is told beside the body. Nothing of the client's own headers is among it."""
    return {
        "Authorization": f"Bearer {api_key}",
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "BazaarLink",
        "X-Request-Id": request_id,
    }


def read_frame(data: bytes) -> Frame:
    """Read one stream chunk, or a whole plain answer. Raises MalformedStream for what is no JSON object."""
    try:
        data.decode()  # the decoder looks only at the fields it wants; the client gets them all
        chunk = _decode_chunk(data)
        told = _USAGE.search(data) or _ERROR.search(data)
        document = _decode_any(data) if told or not chunk.choices else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedStream("a chunk is not the JSON of a chat answer") from error
    finish, produced = None, 0
    for choice in chunk.choices or ():
        finish = _clean(choice.finish_reason) or finish
        produced += _produced(choice.delta or choice.message)
    return Frame(produced, finish, bool(chunk.choices), document)


def _clean(finish_reason: str | None) -> str | None:
    """It is booked: a text PostgreSQL refuses, such as one with NUL, would keep a call from settling."""
    return finish_reason and "".join(c for c in finish_reason if c.isprintable())[:MAX_FINISH_REASON]


def _produced(delta: _Delta | None) -> int:
    if delta is None:
        return 0
    texts = [delta.content, delta.reasoning_content or delta.reasoning, delta.refusal]
    for call in delta.tool_calls or ():
        if call.function is not None:
            texts += [call.function.name, call.function.arguments]
    return sum(_text_bytes(text) for text in texts)


def _text_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, list):
        return sum(_text_bytes(part) for part in value)
    if isinstance(value, dict):
        return sum(_text_bytes(part) for name, part in value.items() if name != "type")
    return 0


def read_usage(document: Mapping[str, Any]) -> Usage | None:
    """The usage a document states; None when it states none, or what cannot be true."""
    stated = document.get("usage")
    if not isinstance(stated, Mapping):
        return None
    of_input, of_output = _details(stated, "prompt"), _details(stated, "completion")
    try:
        usage = Usage(
            input_tokens=_count(stated, "prompt_tokens", required=True),
            output_tokens=_count(stated, "completion_tokens", required=True),
            cached_tokens=_count(of_input, "cached_tokens"),
            cache_write_tokens=_count(of_input, "cache_write_tokens"),
            input_audio_tokens=_count(of_input, "audio_tokens"),
            reasoning_tokens=_count(of_output, "reasoning_tokens"),
            output_audio_tokens=_count(of_output, "audio_tokens"),
        )
    except ValueError:
        return None
    plain_in = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
    plain_out = usage.output_tokens - usage.reasoning_tokens
    if plain_in < 0 or plain_out < 0:
        return None
    # Audio may be cached, or thought in: it is then counted as that, and once.
    audio_in, audio_out = min(usage.input_audio_tokens, plain_in), min(usage.output_audio_tokens, plain_out)
    return replace(usage, input_audio_tokens=audio_in, output_audio_tokens=audio_out)


def _details(stated: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    details = stated.get(f"{side}_tokens_details")
    return details if isinstance(details, Mapping) else {}


def _count(stated: Mapping[str, Any], name: str, *, required: bool = False) -> int:
    value = stated.get(name)
    if value is None and not required:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MAX_TOKENS_PER_CALL:
        raise ValueError(name)
    return value
