"""The usage an OpenAI-compatible provider states."""

from collections.abc import Mapping
from typing import Any

from core.rules.prices import Usage
from proxy.providers.dialect import MAX_TOKENS_PER_CALL


def read_usage(stated: Any) -> Usage | None:
    """The usage a provider states; None when it states none, or what cannot be true."""
    if not isinstance(stated, dict):
        return None
    counts = _counts(stated)
    for count in counts:
        if type(count) is not int or not 0 <= count < MAX_TOKENS_PER_CALL:
            return None
    into, out, cached, written, audio_in, reasoning, audio_out = counts
    beside = _beside(stated, into, out)
    if beside > 0 and reasoning in (0, beside):
        out, reasoning = out + beside, beside
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


def adds_up(stated: Mapping[str, Any]) -> bool:
    """Say whether usage that was read has the total it should, with thoughts in it or beside.

    Without thoughts it may have none.
    """
    into, out, *_, reasoning, _ = _counts(stated)
    if stated.get("total_tokens") is None:
        return not reasoning
    return _beside(stated, into, out) in (0, reasoning)


def _beside(stated: Mapping[str, Any], into: int, out: int) -> int:
    """What the total counts beside prompt and answer: the thoughts of those who count them apart (xAI), or
    nowhere else (Google). Below zero for a total that cannot be.
    """
    total = stated.get("total_tokens")
    if total is None:
        return 0
    return total - into - out if type(total) is int and total < MAX_TOKENS_PER_CALL else -1


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
