"""OpenAI's older completions: a text goes on."""

import secrets
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from simulator.asks import Ask, digest_of
from simulator.dialect import Frame, Head, Told, compact, encoded
from simulator.dialects.openai import DONE, FINISH, admit, failure, refuse, report
from simulator.dialects.openai_asks import read_stop, wants_usage
from simulator.dialects.openai_prompts import read_prompts
from simulator.directives import bare_name
from simulator.engine import Answer
from simulator.fields import MOST_CHOICES, read_model, read_whole
from simulator.refusals import Refusal

__all__ = ["admit", "failure", "new_id", "read", "refuse", "report", "stream", "whole"]

MOST_PROMPTS = 20
LIMIT = 16
"""The most tokens of one choice where the call does not say."""


def new_id() -> str:
    return f"cmpl-{secrets.token_hex(12)}"


def read(body: dict[str, Any], *, named: Mapping[str, str]) -> Ask:  # noqa: ARG001 - the path names nothing
    model = read_model(body.get("model"))
    prompts, tokens = read_prompts(body, "prompt", most=MOST_PROMPTS)
    limit = read_whole(body, "max_tokens", least=0)
    limit = LIMIT if limit is None else limit
    each = read_whole(body, "n", most=MOST_CHOICES) or 1
    if body.get("best_of") not in {None, each}:
        raise Refusal("'best_of' is not simulated: leave it out.", param="best_of")
    return Ask(
        model=model,
        messages=prompts,
        digest=digest_of("completions", bare_name(model), body["prompt"], each, limit, body.get("seed")),
        stream=body.get("stream") is True,
        include_usage=wants_usage(body),
        choices=each * len(prompts),
        limit=limit,
        stop=read_stop(body),
        prompt_tokens=tokens,
        repeats_prompt=body.get("echo") is True,
    )


def whole(head: Head, ask: Ask, answer: Answer, usage: dict[str, Any] | None) -> bytes:
    choices = [
        _choice(_repeated(ask, index) + choice.text, index=index, finish=FINISH[choice.finish])
        for index, choice in enumerate(answer.choices)
    ]
    body = {**_head(head), "choices": choices}
    if usage is not None:
        body["usage"] = usage
    return encoded(compact(body))


def stream(head: Head, ask: Ask, answer: Answer, told: Told) -> list[Frame]:
    """Shape the chunks: prompts to be repeated, text, reasons, usage where it was asked for, `[DONE]`."""
    frames = [
        _chunk(head, ask, [_choice(_repeated(ask, index), index=index)])
        for index in range(len(answer.choices))
        if ask.repeats_prompt
    ]
    frames.extend(_content(head, ask, answer))
    for index, choice in enumerate(answer.choices):
        frames.append(_chunk(head, ask, [_choice("", index=index, finish=FINISH[choice.finish])]))
    usage = told(answer.usage) if ask.include_usage else None
    if usage is not None:
        frames.append(_chunk(head, ask, [], usage))
    frames.append(DONE)
    return frames


def _content(head: Head, ask: Ask, answer: Answer) -> Iterator[Frame]:
    """Take one piece of each choice in turn, as parallel choices come."""
    for row in zip_longest(*(choice.pieces for choice in answer.choices)):
        for index, piece in enumerate(row):
            if piece is not None:
                chunk = _chunk(head, ask, [_choice(piece.text, index=index)])
                yield Frame(chunk.data, "content", piece.tokens)


def _repeated(ask: Ask, index: int) -> str:
    """Give the prompt of one choice, where it is to be repeated: each has as many choices as the others."""
    each = ask.choices // len(ask.messages)
    return ask.messages[index // each].text if ask.repeats_prompt else ""


def _choice(text: str, *, index: int, finish: str | None = None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _chunk(head: Head, ask: Ask, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> Frame:
    body = {**_head(head), "choices": choices}
    if ask.include_usage:
        body["usage"] = usage
    data = encoded(f"data: {compact(body)}\n\n")
    return Frame(data) if usage is None else Frame(data, "usage", usage=usage)


def _head(head: Head) -> dict[str, Any]:
    return {
        "id": head.id,
        "object": "text_completion",
        "created": head.created,
        "model": head.model,
        "system_fingerprint": "fp_simulator",
    }
