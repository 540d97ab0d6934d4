"""Which models an organization, a team or a member may call: exact ids, or all of an author with `author/*`.

An empty list restricts nothing; a model must be on each of the others. There is no other pattern, so that
nobody can make matching slow.
"""

import re
from collections.abc import Collection, Iterable, Sequence

MAX_PATTERNS = 200
MAX_PATTERN = 100
PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]*/(\*|[a-z0-9][a-z0-9._:-]*)", re.ASCII)


def cleaned(patterns: Iterable[str]) -> list[str]:
    """The patterns as they are kept: lower case, without spaces round them, each once, in their order."""
    return list(dict.fromkeys(pattern.strip().lower() for pattern in patterns))


def why_not(patterns: Sequence[str]) -> str | None:
    """What is wrong with cleaned patterns, as a sentence; None when they can be kept."""
    if len(patterns) > MAX_PATTERNS:
        return f"A list of allowed models has at most {MAX_PATTERNS} entries; this one has {len(patterns)}."
    for pattern in patterns:
        if len(pattern) > MAX_PATTERN:
            return f"An entry has at most {MAX_PATTERN} characters; {pattern[:20]}... has {len(pattern)}."
        if not PATTERN.fullmatch(pattern):
            return (
                f"An entry is a model such as openai/gpt-4o, or openai/* for all of them; {pattern!r} is not."
            )
    return None


def is_allowed(model_id: str, lists: Iterable[Collection[str]]) -> bool:
    """Say whether a model is on every list that is not empty."""
    model_id = model_id.lower()
    anything_of_its_author = model_id.partition("/")[0] + "/*"
    return all(model_id in patterns or anything_of_its_author in patterns for patterns in lists if patterns)
