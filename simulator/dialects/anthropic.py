"""Anthropic's messages."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from simulator.asks import Ask
from simulator.dialect import Frame, Head, Told, compact, encoded
from simulator.dialects.anthropic_asks import PROVIDER, VERSION, VERSIONS, read
from simulator.engine import Answer, Choice, Piece, Usage, arguments
from simulator.keys import bearer, check_key
from simulator.lies import tell
from simulator.refusals import Refusal
from simulator.signatures import sign

__all__ = ["admit", "failure", "new_id", "read", "refuse", "report", "stream", "whole"]

_FINISH = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use", "filter": "refusal"}
_ERROR_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_SERVER_ERROR = 500
_IN_DELTA = (
    *("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
    *("output_tokens", "output_tokens_details"),
)


def admit(headers: Mapping[str, str]) -> None:
    # The newer of its clients send the key as a bearer token.
    check_key(headers.get("x-api-key", "").strip() or bearer(headers))
    if headers.get(VERSION) not in VERSIONS:
        raise Refusal(f"Use one of: {', '.join(VERSIONS)}.", param=VERSION)


def new_id() -> str:
    return f"msg_{secrets.token_hex(12)}"


def report(usage: Usage, *, lie: str | None) -> dict[str, Any] | None:
    honest: dict[str, Any] = {
        "input_tokens": max(0, usage.prompt - usage.cached - usage.cache_write),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage.completion,
        "service_tier": "standard",
    }
    if usage.reasoning:
        honest["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return tell(honest, lie)


def refuse(refusal: Refusal) -> bytes:
    default = "api_error" if refusal.status >= _SERVER_ERROR else "invalid_request_error"
    where = "" if refusal.param is None else f"{refusal.param}: "
    error = {"type": _ERROR_TYPES.get(refusal.status, default), "message": where + refusal.message}
    body = {"type": "error", "error": error, "request_id": f"req_{secrets.token_hex(12)}"}
    return encoded(compact(body))


def whole(head: Head, ask: Ask, answer: Answer, usage: dict[str, Any] | None) -> bytes:
    (choice,) = answer.choices
    blocks = [block.done for block in _blocks(head, ask, answer)]
    return encoded(compact(_message(head, blocks, _stop(choice), usage)))


def stream(head: Head, ask: Ask, answer: Answer, told: Told) -> list[Frame]:
    """Shape the events: the start, the blocks one after the other, the reason with all usage, the stop."""
    (choice,) = answer.choices
    frames = [_start(head, answer, told)]
    for index, block in enumerate(_blocks(head, ask, answer)):
        frames.append(_event("content_block_start", index=index, content_block=block.begun))
        if index == 0:
            frames.append(_event("ping"))
        for delta, kind, tokens in block.deltas:
            event = _event("content_block_delta", index=index, delta=delta)
            frames.append(replace(event, kind=kind, tokens=tokens))
        frames.append(_event("content_block_stop", index=index))
    usage = told(answer.usage)
    last: dict[str, Any] = {"delta": _stop(choice)}
    if usage is not None:
        usage = last["usage"] = {name: usage[name] for name in _IN_DELTA if name in usage}
    frames.append(replace(_event("message_delta", **last), kind="usage", usage=usage))
    frames.append(replace(_event("message_stop"), kind="end"))
    return frames


def failure(refusal: Refusal) -> bytes:
    return b"event: error\ndata: " + refuse(refusal) + b"\n\n"


def _start(head: Head, answer: Answer, told: Told) -> Frame:
    """Open the message; its usage knows the prompt and, as the real one's does, a first token."""
    first = replace(answer.usage, completion=min(1, answer.usage.completion), reasoning=0)
    usage = told(first)
    message = _message(head, [], {"stop_reason": None, "stop_sequence": None, "stop_details": None}, usage)
    return replace(_event("message_start", message=message), usage=usage)


def _message(
    head: Head, blocks: list[dict[str, Any]], stop: dict[str, Any], usage: dict[str, Any] | None
) -> dict[str, Any]:
    message = {
        "id": head.id,
        "type": "message",
        "role": "assistant",
        "model": head.model,
        "content": blocks,
        **stop,
    }
    return message if usage is None else {**message, "usage": usage}


def _stop(choice: Choice) -> dict[str, Any]:
    reason = _FINISH[choice.finish] if choice.stopped_by is None else "stop_sequence"
    details = {"type": "refusal", "category": None, "explanation": None} if reason == "refusal" else None
    return {"stop_reason": reason, "stop_sequence": choice.stopped_by, "stop_details": details}


@dataclass(frozen=True, slots=True)
class _Block:
    """One block of content: as it begins, how it goes on, and as it is in the end."""

    begun: dict[str, Any]
    deltas: list[tuple[dict[str, Any], Literal["other", "content"], int]]
    done: dict[str, Any]


def _blocks(head: Head, ask: Ask, answer: Answer) -> Iterator[_Block]:
    (choice,) = answer.choices
    if ask.thought != "untold" and answer.usage.reasoning:
        yield _thought(answer)
    if answer.tool_name is not None:
        for index, pieces in enumerate(choice.calls):
            yield _tool_use(f"toolu_{head.id.removeprefix('msg_')}{index}", answer.tool_name, pieces)
    elif choice.pieces:
        yield _text(choice)


def _thought(answer: Answer) -> _Block:
    text = "".join(piece.text for piece in answer.thought)
    signature = sign(PROVIDER, text)
    block = {"type": "thinking", "thinking": "", "signature": ""}
    deltas: list[Any] = [
        ({"type": "thinking_delta", "thinking": piece.text}, "other", piece.tokens)
        for piece in answer.thought
    ]
    deltas.append(({"type": "signature_delta", "signature": signature}, "other", 0))
    return _Block(block, deltas, {**block, "thinking": text, "signature": signature})


def _text(choice: Choice) -> _Block:
    deltas: list[Any] = [
        ({"type": "text_delta", "text": piece.text}, "content", piece.tokens) for piece in choice.pieces
    ]
    return _Block({"type": "text", "text": ""}, deltas, {"type": "text", "text": choice.text})


def _tool_use(block_id: str, name: str, pieces: Sequence[Piece]) -> _Block:
    """Shape a call. Its arguments come in pieces of JSON, after an empty one; a cut call ends with none."""
    block = {"type": "tool_use", "id": block_id, "name": name, "input": {}}
    deltas: list[Any] = [({"type": "input_json_delta", "partial_json": ""}, "other", 0)]
    deltas.extend(
        ({"type": "input_json_delta", "partial_json": piece.text}, "content", piece.tokens)
        for piece in pieces
    )
    return _Block(block, deltas, {**block, "input": arguments("".join(piece.text for piece in pieces))})


def _event(kind: str, **fields: Any) -> Frame:
    return Frame(encoded(f"event: {kind}\ndata: {compact({'type': kind, **fields})}\n\n"))
