"""Gemini's content, whole and streamed."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from simulator.asks import Ask
from simulator.dialect import Frame, Head, Told, compact, encoded
from simulator.dialects.gemini_asks import PROVIDER, read
from simulator.engine import Answer, Choice, Usage, arguments
from simulator.keys import check_key
from simulator.lies import tell
from simulator.refusals import Refusal
from simulator.signatures import sign

__all__ = ["admit", "failure", "new_id", "read", "refuse", "report", "stream", "whole"]

_KEY = "x-goog-api-key"
_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "tool": "STOP", "filter": "SAFETY"}
_STATUSES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_SERVER_ERROR = 500
_TYPES = "type.googleapis.com/google.rpc."

Part = dict[str, Any]


def admit(headers: Mapping[str, str]) -> None:
    # The real one refuses a key it does not know as a bad argument, and a caller without any as forbidden.
    check_key(headers.get(_KEY, "").strip(), missing=403, revoked=400, param=_KEY)


def new_id() -> str:
    return secrets.token_urlsafe(16)


def report(usage: Usage, *, lie: str | None) -> dict[str, Any] | None:
    """Shape the usage. Counts of nothing are left out, and what is written to a cache is not told."""
    counts = {
        "promptTokenCount": usage.prompt,
        "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": usage.completion - usage.reasoning,
        "thoughtsTokenCount": usage.reasoning,
    }
    honest: dict[str, Any] = {name: count for name, count in counts.items() if count}
    honest["totalTokenCount"] = usage.prompt + usage.completion
    honest["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": usage.prompt}]
    return tell(honest, lie)


def refuse(refusal: Refusal) -> bytes:
    default = "INTERNAL" if refusal.status >= _SERVER_ERROR else "INVALID_ARGUMENT"
    error: dict[str, Any] = {
        "code": refusal.status,
        "message": refusal.message,
        "status": _STATUSES.get(refusal.status, default),
    }
    details = list(_details(refusal))
    if details:
        error["details"] = details
    return encoded(compact({"error": error}))


def _details(refusal: Refusal) -> Iterator[dict[str, Any]]:
    if refusal.param == _KEY:
        yield {"@type": f"{_TYPES}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
    elif refusal.param is not None:
        violation = {"field": refusal.param, "description": refusal.message}
        yield {"@type": f"{_TYPES}BadRequest", "fieldViolations": [violation]}
    if refusal.retry_after is not None:
        yield {"@type": f"{_TYPES}RetryInfo", "retryDelay": f"{refusal.retry_after}s"}


def failure(refusal: Refusal) -> bytes:
    return b"data: " + refuse(refusal) + b"\r\n\r\n"


def whole(head: Head, ask: Ask, answer: Answer, usage: dict[str, Any] | None) -> bytes:
    candidates = []
    for index, choice in enumerate(answer.choices):
        thought = "" if index else "".join(piece.text for piece in answer.thought)
        parts = [*([_thought(thought)] if thought else []), *_calls(ask, answer, choice)]
        if answer.tool_name is None and choice.pieces:
            parts.append({"text": choice.text, **_signature(ask, answer, "")})
        candidates.append(_candidate(parts, index=index, finish=_FINISH[choice.finish]))
    return encoded(compact(_body(head, candidates, usage)))


def stream(head: Head, ask: Ask, answer: Answer, told: Told) -> list[Frame]:
    """Shape the chunks: thoughts, parts, the reasons; each with the usage so far, and no end of its own."""
    frames = []
    sofar = replace(answer.usage, completion=answer.usage.reasoning - len(answer.thought))
    sofar = replace(sofar, reasoning=sofar.completion)
    for index, part, kind, tokens in _parts(ask, answer):
        thoughts = tokens if kind == "other" else 0
        completion, reasoning = sofar.completion + tokens, sofar.reasoning + thoughts
        sofar = replace(sofar, completion=completion, reasoning=reasoning)
        chunk = _chunk(head, [_candidate([part], index=index)], told(sofar))
        frames.append(replace(chunk, kind=kind, tokens=tokens))
    last = {"text": "", **({} if answer.tool_name else _signature(ask, answer, ""))}
    candidates = [
        _candidate([last], index=index, finish=_FINISH[choice.finish])
        for index, choice in enumerate(answer.choices)
    ]
    frames.append(replace(_chunk(head, candidates, told(answer.usage)), kind="usage"))
    return frames


def _parts(ask: Ask, answer: Answer) -> Iterator[tuple[int, Part, Any, int]]:
    """Go through the answer: thoughts, then one piece of each candidate in turn. A call comes whole."""
    for thought in answer.thought:
        yield 0, _thought(thought.text), "other", thought.tokens
    if answer.tool_name is not None:
        for index, choice in enumerate(answer.choices):
            for call, part in zip(choice.calls, _calls(ask, answer, choice), strict=True):
                yield index, part, "content", sum(piece.tokens for piece in call)
        return
    for row in zip_longest(*(choice.pieces for choice in answer.choices)):
        for index, piece in enumerate(row):
            if piece is not None:
                yield index, {"text": piece.text}, "content", piece.tokens


def _calls(ask: Ask, answer: Answer, choice: Choice) -> Iterator[Part]:
    """Shape the calls of one candidate; of several, the first alone is signed."""
    for number, call in enumerate(choice.calls):
        args = arguments("".join(piece.text for piece in call))
        signature = {} if number else _signature(ask, answer, str(answer.tool_name))
        yield {"functionCall": {"name": answer.tool_name, "args": args}, **signature}


def _thought(text: str) -> Part:
    return {"text": text, "thought": True}


def _signature(ask: Ask, answer: Answer, signed: str) -> dict[str, str]:
    """Sign what follows from thoughts that were told."""
    if ask.thought == "untold" or not answer.usage.reasoning:
        return {}
    return {"thoughtSignature": sign(PROVIDER, signed)}


def _candidate(parts: list[Part], *, index: int, finish: str | None = None) -> dict[str, Any]:
    content = {"parts": parts, "role": "model"}
    if finish is None:
        return {"content": content, "index": index}
    return {"content": content, "finishReason": finish, "index": index}


def _chunk(head: Head, candidates: list[dict[str, Any]], usage: dict[str, Any] | None) -> Frame:
    return Frame(encoded(f"data: {compact(_body(head, candidates, usage))}\r\n\r\n"), usage=usage)


def _body(head: Head, candidates: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
    told = {} if usage is None else {"usageMetadata": usage}
    return {"candidates": candidates, **told, "modelVersion": head.model, "responseId": head.id}
