"""OpenAI's chat completions."""

import secrets
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from simulator.asks import Ask
from simulator.dialect import Frame, Head, Told, compact, encoded
from simulator.dialects.openai_asks import read
from simulator.engine import Answer, Choice, Piece, Usage
from simulator.keys import bearer, check_key
from simulator.lies import tell
from simulator.refusals import Refusal

__all__ = ["admit", "failure", "new_id", "read", "refuse", "report", "stream", "whole"]

FINISH = {"stop": "stop", "length": "length", "tool": "tool_calls", "filter": "content_filter"}
DONE = Frame(b"data: [DONE]\n\n", "end")
_ERROR_TYPES = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
_SERVER_ERROR = 500


def admit(headers: Mapping[str, str]) -> None:
    check_key(bearer(headers))


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
    error = {"message": refusal.message, "type": kind, "param": refusal.param, "code": code}
    return encoded(compact({"error": error}))


def failure(refusal: Refusal) -> bytes:
    return b"data: " + refuse(refusal) + b"\n\n"


def whole(head: Head, ask: Ask, answer: Answer, usage: dict[str, Any] | None) -> bytes:  # noqa: ARG001
    body: dict[str, Any] = {
        **_head(head, "chat.completion"),
        "choices": [
            {
                "index": index,
                "message": _message(head, answer, choice, index=index),
                "logprobs": None,
                "finish_reason": FINISH[choice.finish],
            }
            for index, choice in enumerate(answer.choices)
        ],
    }
    if usage is not None:
        body["usage"] = usage
    return encoded(compact(body))


def stream(head: Head, ask: Ask, answer: Answer, told: Told) -> list[Frame]:
    """Shape the chunks: role, content, finish, usage where it was asked for, `[DONE]`."""
    start = compact(_head(head, "chat.completion.chunk"))[:-1]
    end = ',"usage":null}\n\n' if ask.include_usage else "}\n\n"
    frames = [
        Frame(_chunk(start, end, index=index, delta=_opening(head, answer, choice, index=index)))
        for index, choice in enumerate(answer.choices)
    ]
    frames.extend(_content(head, start, end, answer))
    for index, choice in enumerate(answer.choices):
        frames.append(Frame(_chunk(start, end, index=index, delta={}, finish=FINISH[choice.finish])))
    if ask.include_usage:
        frames.extend(_usage(start, told(answer.usage)))
    frames.append(DONE)
    return frames


def _usage(start: str, usage: dict[str, Any] | None) -> Iterator[Frame]:
    if usage is not None:
        last = f'data: {start},"choices":[],"usage":{compact(usage)}}}\n\n'
        yield Frame(last.encode(), "usage", usage=usage)


def _content(head: Head, start: str, end: str, answer: Answer) -> Iterator[Frame]:
    """Take one piece of each choice in turn, as parallel choices come."""
    choices = [_deltas(head, answer, choice, index=index) for index, choice in enumerate(answer.choices)]
    for row in zip_longest(*choices):
        for index, found in enumerate(row):
            if found is not None:
                delta, piece = found
                chunk = _chunk(start, end, index=index, delta=delta)
                yield Frame(chunk) if piece is None else Frame(chunk, "content", piece.tokens)


def _deltas(
    head: Head, answer: Answer, choice: Choice, *, index: int
) -> Iterator[tuple[dict[str, Any], Piece | None]]:
    """Go through one choice: its text, or its calls, of which all but the first open here."""
    if answer.tool_name is None:
        for piece in choice.pieces:
            yield {"content": piece.text}, piece
    for number, call in enumerate(choice.calls):
        if number:
            opened = _tool_call(head, answer.tool_name, "", index=index, number=number)
            yield {"tool_calls": [{"index": number, **opened}]}, None
        for piece in call:
            yield {"tool_calls": [{"index": number, "function": {"arguments": piece.text}}]}, piece


def _chunk(start: str, end: str, *, index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
    # The head is the same in every chunk of a stream, so that only the delta is turned into JSON.
    told = "null" if finish is None else f'"{finish}"'
    choice = f'{{"index":{index},"delta":{compact(delta)},"logprobs":null,"finish_reason":{told}}}'
    return encoded(f'data: {start},"choices":[{choice}]{end}')


def _opening(head: Head, answer: Answer, choice: Choice, *, index: int) -> dict[str, Any]:
    if not choice.calls:
        return {"role": "assistant", "content": _no_text(answer), "refusal": None}
    call = {"index": 0, **_tool_call(head, answer.tool_name, "", index=index, number=0)}
    return {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None}


def _no_text(answer: Answer) -> str | None:
    return "" if answer.tool_name is None else None


def _message(head: Head, answer: Answer, choice: Choice, *, index: int) -> dict[str, Any]:
    if not choice.calls:
        text = choice.text or _no_text(answer)
        return {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    calls = [
        _tool_call(head, answer.tool_name, "".join(piece.text for piece in call), index=index, number=number)
        for number, call in enumerate(choice.calls)
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls, "refusal": None}


def _tool_call(head: Head, name: str | None, arguments: str, *, index: int, number: int) -> dict[str, Any]:
    call_id = f"call_{head.id.removeprefix('chatcmpl-')}{index}{number}"
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
