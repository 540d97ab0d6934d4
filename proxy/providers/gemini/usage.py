"""What a Gemini answer says it used."""

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
    prompt, tool_use, cached, audio_in, audio_cached, candidates, thoughts, audio_out, total = counts
    into, out = prompt + tool_use, candidates + thoughts
    if thoughts and total == into + candidates:
        out = (
            candidates  # thoughts are beside the answer, but for models whose total says that they are in it
        )
    plain_in, plain_out = into - cached, out - thoughts
    if plain_in < 0 or plain_out < 0 or max(into, out) >= MAX_TOKENS_PER_CALL:
        return None
    return Usage(
        input_tokens=into,
        output_tokens=out,
        cached_tokens=cached,
        reasoning_tokens=thoughts,
        # Audio that was cached is counted as that, and once.
        input_audio_tokens=min(max(audio_in - audio_cached, 0), plain_in),
        output_audio_tokens=min(audio_out, plain_out),
    )


def adds_up(stated: Mapping[str, Any]) -> bool:
    """Say whether usage that was read has the total it should, with thoughts in it or beside.

    Without thoughts it may have none.
    """
    prompt, tool_use, *_, candidates, thoughts, _, total = _counts(stated)
    told = prompt + tool_use + candidates
    return total in (told, told + thoughts) or (total == 0 and not thoughts)


def _counts(stated: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a usage object counts, as it stands there; a count of nothing may be left out."""
    return (
        stated.get("promptTokenCount"),
        stated.get("toolUsePromptTokenCount") or 0,
        stated.get("cachedContentTokenCount") or 0,
        _audio(stated.get("promptTokensDetails")),
        _audio(stated.get("cacheTokensDetails")),
        stated.get("candidatesTokenCount") or 0,
        stated.get("thoughtsTokenCount") or 0,
        _audio(stated.get("candidatesTokensDetails")),
        stated.get("totalTokenCount") or 0,
    )


def _audio(details: Any) -> Any:
    """The tokens of sound among the details of a count."""
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and detail.get("modality") == "AUDIO":
            return detail.get("tokenCount") or 0
    return 0
