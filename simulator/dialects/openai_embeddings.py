"""OpenAI's embeddings. They are never streamed."""

import base64
import secrets
from collections.abc import Mapping
from typing import Any

from simulator.asks import Ask, digest_of
from simulator.dialect import Frame, Head, Told, compact, encoded
from simulator.dialects.openai import admit, failure, refuse
from simulator.dialects.openai_prompts import read_prompts
from simulator.engine import Answer, Usage
from simulator.fields import read_model, read_whole
from simulator.lies import tell
from simulator.refusals import Refusal
from simulator.vectors import packed, unit_vector

__all__ = ["admit", "failure", "new_id", "read", "refuse", "report", "stream", "whole"]

MOST_INPUTS = 2048
MOST_DIMENSIONS = 4096
DIMENSIONS = 1536


def new_id() -> str:
    return f"emb_{secrets.token_hex(12)}"


def read(body: dict[str, Any], *, named: Mapping[str, str]) -> Ask:  # noqa: ARG001 - the path names nothing
    model = read_model(body.get("model"))
    texts, tokens = read_prompts(body, "input", most=MOST_INPUTS)
    if not all(text.text for text in texts):
        raise Refusal("'input' must not hold an empty text.", param="input")
    packing = body.get("encoding_format", "float")
    if packing not in {"float", "base64"}:
        raise Refusal("'encoding_format' must be 'float' or 'base64'.", param="encoding_format")
    return Ask(
        model=model,
        messages=texts,
        digest=digest_of(),
        choices=0,
        prompt_tokens=tokens,
        dimensions=read_whole(body, "dimensions", most=MOST_DIMENSIONS) or DIMENSIONS,
        is_packed=packing == "base64",
    )


def report(usage: Usage, *, lie: str | None) -> dict[str, Any] | None:
    return tell({"prompt_tokens": usage.prompt, "total_tokens": usage.prompt}, lie)


def whole(head: Head, ask: Ask, answer: Answer, usage: dict[str, Any] | None) -> bytes:  # noqa: ARG001
    rows = [
        {"object": "embedding", "index": index, "embedding": _embedding(message.text, ask)}
        for index, message in enumerate(ask.messages)
    ]
    body: dict[str, Any] = {"object": "list", "data": rows, "model": head.model}
    if usage is not None:
        body["usage"] = usage
    return encoded(compact(body))


def stream(head: Head, ask: Ask, answer: Answer, told: Told) -> list[Frame]:
    usage = told(answer.usage)
    return [Frame(whole(head, ask, answer, usage), "content", usage=usage)]


def _embedding(text: str, ask: Ask) -> list[float] | str:
    vector = unit_vector(text, ask.dimensions)
    return base64.b64encode(packed(vector)).decode() if ask.is_packed else vector
