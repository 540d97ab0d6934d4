"""Reads what OpenAI takes as plain text: a string or a list of tokens, or several of either."""

from typing import Any

from simulator.asks import BYTES_PER_TOKEN, Message
from simulator.refusals import Refusal
from simulator.words import WORDS

HIGHEST_TOKEN = 2**31


def read_prompts(body: dict[str, Any], name: str, *, most: int) -> tuple[tuple[Message, ...], int]:
    """Read one to `most` texts, and count their tokens. Tokens become words: equal tokens, equal words."""
    found = body.get(name)
    rows = found if isinstance(found, list) and not _are_tokens(found) else [found]
    if not 0 < len(rows) <= most:
        raise Refusal(f"{name!r} must hold 1 to {most} texts.", param=name)
    prompts = [_read(row, name) for row in rows]
    return tuple(prompt for prompt, _ in prompts), sum(tokens for _, tokens in prompts)


def _read(row: Any, name: str) -> tuple[Message, int]:
    """Read one text. It counts as a quarter of its bytes, rounded up, and as one token at least."""
    if isinstance(row, str):
        size = len(row.encode(errors="surrogatepass"))
        return Message("user", row), max(1, -(-size // BYTES_PER_TOKEN))
    if isinstance(row, list) and _are_tokens(row):
        return Message("user", " ".join(WORDS[token % len(WORDS)] for token in row)), len(row)
    raise Refusal(f"{name!r} must be a string, a list of tokens, or a list of either.", param=name)


def _are_tokens(found: list[Any]) -> bool:
    return found != [] and all(
        isinstance(item, int) and not isinstance(item, bool) and 0 <= item < HIGHEST_TOKEN for item in found
    )
