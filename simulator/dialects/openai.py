"""OpenAI's chat completions."""

import json
import secrets
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from simulator.asks import Ask
from simulator.dialect import Frame, Head
from simulator.dialects.openai_asks import read
from simulator.engine import Answer, Choice, Usage
from simulator.lies import tell
from simulator.refusals import Refusal

__all__ = ["new_id", "read", "refuse", "report", "stream", "token_of", "whole"]

_FINISH = {"stop": "stop", "length": "length", "tool": "tool_calls"}
_DONE = Frame(b"data: [DONE]\n\n", "end")
_ERROR_TYPES = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
_SERVER_ERROR = 500


def token_of(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def new_id() -> str:
    return f"chatcmpl-{secrets.token_hex(12)}"


def report(usage: Usage, *, lie: str | None) -> dict[str, Any] | None:
    prompt_details = {"cached_tokens": usage.cached}
    if usage.cache_write:
        prompt_details["cache_write_tokens"] = usage.cache_write
    honest = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
    return tell(honest, lie)


def refuse(refusal: Refusal) -> bytes:
    default = ("server_error", None) if refusal.status >= _SERVER_ERROR else ("invalid_request_error", None)
    kind, code = _ERROR_TYPES.get(refusal.status, default)
    return _bytes({"error": {"message": refusal.message, "type": kind, "param": refusal.param, "code": code}})


def whole(head: Head, answer: Answer, usage: dict[str, Any] | None) -> bytes:
    body: dict[str, Any] = {
        **_head(head, "chat.completion"),
        "choices": [
            {
                "index": index,
                "message": _message(head, answer, choice, index=index),
                "logprobs": None,
                "finish_reason": _FINISH[choice.finish],
            }
            for index, choice in enumerate(answer.choices)
        ],
    }
    if usage is not None:
        body["usage"] = usage
    return _bytes(body)


def stream(head: Head, ask: Ask, answer: Answer, usage: dict[str, Any] | None) -> list[Frame]:
    """Shape the chunks: role, content, finish, usage where it was asked for, `[DONE]`."""
    start = _json(_head(head, "chat.completion.chunk"))[:-1]
    end = ',"usage":null}\n\n' if ask.include_usage else "}\n\n"
    frames = [
        Frame(_chunk(start, end, index=index, delta=_opening(head, answer, index=index)))
        for index in range(len(answer.choices))
    ]
    frames.extend(_content(start, end, answer))
    for index, choice in enumerate(answer.choices):
        frames.append(Frame(_chunk(start, end, index=index, delta={}, finish=_FINISH[choice.finish])))
    if ask.include_usage and usage is not None:
        last = f'data: {start},"choices":[],"usage":{_json(usage)}}}\n\n'
        frames.append(Frame(last.encode(), "usage"))
    frames.append(_DONE)
    return frames


def _content(start: str, end: str, answer: Answer) -> Iterator[Frame]:
    """Take one piece of each choice in turn, as parallel choices come."""
    for row in zip_longest(*(choice.pieces for choice in answer.choices)):
        for index, piece in enumerate(row):
            if piece is None:
                continue
            delta: dict[str, Any] = {"content": piece.text}
            if answer.tool_name is not None:
                delta = {"tool_calls": [{"index": 0, "function": {"arguments": piece.text}}]}
            yield Frame(_chunk(start, end, index=index, delta=delta), "content", piece.tokens)


def _chunk(start: str, end: str, *, index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
    # The head is the same in every chunk of a stream, so that only the delta is turned into JSON.
    told = "null" if finish is None else f'"{finish}"'
    choice = f'{{"index":{index},"delta":{_json(delta)},"logprobs":null,"finish_reason":{told}}}'
    return f'data: {start},"choices":[{choice}]{end}'.encode(errors="replace")


def _opening(head: Head, answer: Answer, *, index: int) -> dict[str, Any]:
    if answer.tool_name is None:
        return {"role": "assistant", "content": "", "refusal": None}
    call = {"index": 0, **_tool_call(head, answer.tool_name, "", index=index)}
    return {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None}


def _message(head: Head, answer: Answer, choice: Choice, *, index: int) -> dict[str, Any]:
    if answer.tool_name is None:
        return {"role": "assistant", "content": choice.text, "refusal": None, "annotations": []}
    call = _tool_call(head, answer.tool_name, choice.text, index=index)
    return {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None}


def _tool_call(head: Head, name: str, arguments: str, *, index: int) -> dict[str, Any]:
    call_id = f"call_{head.id.removeprefix('chatcmpl-')}{index}"
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _head(head: Head, kind: str) -> dict[str, Any]:
    return {
        "id": head.id,
        "object": kind,
        "created": head.created,
        "model": head.model,
        "service_tier": "default",
        "system_fingerprint": "fp_simulator",
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _bytes(value: Any) -> bytes:
    # An unpaired surrogate in an echoed prompt has no UTF-8 form.
    return _json(value).encode(errors="replace")
