"""Makes the answer to a call: its text, its pieces, its counts. Knows no dialect and no network."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from simulator.asks import Ask, prompt_tokens
from simulator.directives import Directives
from simulator.schemas import sample
from simulator.words import words

SHORTEST, LONGEST = 16, 120
_TOKEN = re.compile(r"\s*\S+(?:\s+\Z)?|\s+\Z")

Finish = Literal["stop", "length", "tool"]


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of one content chunk, and how many tokens are complete once it has been sent."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Choice:
    pieces: tuple[Piece, ...]
    finish: Finish

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def tokens(self) -> int:
        return sum(piece.tokens for piece in self.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """True token counts. `prompt` includes cached and cache_write, `completion` includes reasoning."""

    prompt: int
    completion: int
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    choices: tuple[Choice, ...]
    usage: Usage
    tool_name: str | None = None


def produce(ask: Ask, directives: Directives) -> Answer:
    """Make the whole answer. Equal asks and directives give equal answers."""
    reasoning = directives.reasoning
    if ask.limit is not None and directives.overrun is None:
        reasoning = min(reasoning, ask.limit)
    made = [_choose(ask, directives, index=index, reasoning=reasoning) for index in range(ask.choices)]
    cached, cache_write = directives.cached, directives.cache_write
    prompt = directives.prompt
    if prompt is None:
        prompt = max(prompt_tokens(ask.messages), cached + cache_write)
    completion = sum(choice.tokens for choice in made) + reasoning
    usage = Usage(
        prompt=prompt, completion=completion, cached=cached, cache_write=cache_write, reasoning=reasoning
    )
    return Answer(tuple(made), usage, tool_name=ask.tool_name)


def _choose(ask: Ask, directives: Directives, *, index: int, reasoning: int) -> Choice:
    digest = ask.digest + bytes([index])
    tokens = _tokens(ask, directives, digest)
    finish: Finish = "tool" if ask.form == "tool" else "stop"
    if ask.limit is not None and directives.overrun is None and len(tokens) > ask.limit - reasoning:
        tokens, finish = tokens[: ask.limit - reasoning], "length"
    kept = _before_stop(tokens, ask.stop)
    if len(kept) < len(tokens) or kept[-1:] != tokens[-1:]:
        tokens, finish = kept, "stop"
    return Choice(_split(tokens, directives.chunks), finish)


def _tokens(ask: Ask, directives: Directives, digest: bytes) -> list[str]:
    wanted = directives.tokens if directives.overrun is None else directives.overrun
    if directives.echo:
        return split_words(_last_user_text(ask))[:wanted]
    count = SHORTEST + int.from_bytes(digest[:4]) % (LONGEST - SHORTEST + 1) if wanted is None else wanted
    if ask.form == "text":
        return _spaced(words(digest, count))
    if ask.schema is not None:
        return split_words(json.dumps(sample(ask.schema)))
    return split_words(json.dumps({"answer": " ".join(words(digest, max(1, count - 1)))}))


def _spaced(found: list[str]) -> list[str]:
    return found[:1] + [" " + word for word in found[1:]]


def split_words(text: str) -> list[str]:
    """Split into words that still carry their white space: joined, they are the text."""
    return _TOKEN.findall(text)


def _last_user_text(ask: Ask) -> str:
    spoken = [message.text for message in ask.messages if message.role == "user"]
    return spoken[-1] if spoken else ""


def _before_stop(tokens: list[str], stop: Sequence[str]) -> list[str]:
    if not stop:
        return tokens
    text = "".join(tokens)
    found = [at for at in (text.find(sequence) for sequence in stop) if at >= 0]
    return split_words(text[: min(found)]) if found else tokens


def _split(tokens: list[str], chunks: int | None) -> tuple[Piece, ...]:
    """Cut the tokens into chunks of even size: one token a chunk unless told otherwise."""
    if chunks is None or chunks == len(tokens):
        return tuple(Piece(token, 1) for token in tokens)
    if chunks < len(tokens):
        ends = [len(tokens) * at // chunks for at in range(chunks + 1)]
        spans = [tokens[start:end] for start, end in pairwise(ends)]
        return tuple(Piece("".join(span), len(span)) for span in spans)
    return _split_letters(tokens, chunks)


def _split_letters(tokens: list[str], chunks: int) -> tuple[Piece, ...]:
    """Cut inside words, for more chunks than tokens; never more chunks than there are letters."""
    text = "".join(tokens)
    chunks = min(chunks, len(text))
    ends = [len(text) * at // chunks for at in range(chunks + 1)] if chunks else []
    completed, at = [0] * (len(text) + 1), 0
    for token in tokens:
        at += len(token)
        completed[at] = 1
    return tuple(Piece(text[start:end], sum(completed[start + 1 : end + 1])) for start, end in pairwise(ends))
