"""What the Messages API says of usage, in pieces: a later piece tells anew what it names, and no more."""

from typing import Any

from core.rules.prices import Usage
from proxy.providers.dialect import MAX_TOKENS_PER_CALL

INPUTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")  # none is part of another


class Tally:
    """What is known of one call."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self.adds_up = True  # the input stayed what it was, and the output only grew

    def told(self, stated: Any) -> Usage | None:
        """The usage with what is stated now; None when it states nothing, or what cannot be true."""
        news = _counts(stated)
        counts = {**self._counts, **news}
        if not all(type(count) is int and 0 <= count < MAX_TOKENS_PER_CALL for count in counts.values()):
            return None
        into = sum([counts.get(name, 0) for name in INPUTS])
        out, thought = counts.get("output_tokens", 0), counts.get("thinking_tokens", 0)
        if into >= MAX_TOKENS_PER_CALL or thought > out:
            return None
        taken_back = (_is_taken_back(name, count, counts[name]) for name, count in self._counts.items())
        self.adds_up &= not any(taken_back)
        self._counts = counts
        if not news or not {"input_tokens", "output_tokens"} <= counts.keys():
            return None
        return Usage(
            input_tokens=into,
            output_tokens=out,
            cached_tokens=counts.get("cache_read_input_tokens", 0),
            cache_write_tokens=counts.get("cache_creation_input_tokens", 0),
            reasoning_tokens=thought,
        )


def _is_taken_back(name: str, before: int, now: int) -> bool:
    """Say whether a count is not what it was. Zero is what some say at the start of what they do not know."""
    return now < before or (name in INPUTS and 0 < before < now)


def _counts(stated: Any) -> dict[str, Any]:
    """What a usage object counts, as it stands there; what is missing, or null, is not said."""
    if not isinstance(stated, dict):
        return {}
    details = stated.get("output_tokens_details")
    details = details if isinstance(details, dict) else {}
    found = {name: stated.get(name) for name in (*INPUTS, "output_tokens")}
    found["thinking_tokens"] = details.get("thinking_tokens")
    return {name: count for name, count in found.items() if count is not None}
