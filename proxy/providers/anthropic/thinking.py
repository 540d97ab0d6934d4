"""How much is to be thought, in the words of the Messages API.

There are two ways, and a model knows one or both: a budget of tokens, or an effort in words with which the
model decides for itself. Tokens are sent as a budget and words as an effort, as they were asked. Only models
that know no effort are given a budget for a word: a share of the most the answer may have, thoughts included.
"""

import re
from typing import Any

from proxy.conversation import Inexpressible, Reasoning

MIN_BUDGET = 1024
# The generations before efforts came; there will be no more of them.
BUDGET_ONLY = re.compile(r"claude-(3[-.]|[a-z]+-4([-.][0-5])?(-\d{8})?$)")
SHARES_PERCENT = {"minimal": 10, "low": 20, "medium": 50, "high": 80, "xhigh": 95, "max": 95}
LEAST = {"minimal": "low"}  # there is no word for less


def thinking(
    reasoning: Reasoning | None, *, model: str, max_tokens: int
) -> tuple[dict[str, Any] | None, str | None]:
    """What is said of thinking, and of effort. Raises Inexpressible for what can be neither."""
    if reasoning is None:
        return None, None
    if reasoning.is_off:
        return {"type": "disabled"}, None  # newer models think unless they are told not to
    word = reasoning.effort
    if word is not None and word not in SHARES_PERCENT:
        raise Inexpressible("reasoning", f"effort must be one of {', '.join(SHARES_PERCENT)}.")
    if reasoning.tokens is not None:
        return _budget(reasoning.tokens, max_tokens), None if word is None else LEAST.get(word, word)
    if word is None:
        return None, None
    if BUDGET_ONLY.search(model):
        return _budget(max(MIN_BUDGET, max_tokens * SHARES_PERCENT[word] // 100), max_tokens), None
    # Some models keep their thoughts to themselves unless asked for a summary.
    return {"type": "adaptive", "display": "summarized"}, LEAST.get(word, word)


def _budget(tokens: int, max_tokens: int) -> dict[str, Any]:
    if not MIN_BUDGET <= tokens < max_tokens:
        raise Inexpressible(
            "reasoning",
            f"Thinking takes at least {MIN_BUDGET} tokens with this provider, and fewer than max_tokens.",
        )
    return {"type": "enabled", "budget_tokens": tokens}
