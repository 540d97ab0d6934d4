"""Makes the answer to a call: its text, its pieces, its counts. Knows no dialect and no network."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from simulator.asks import Ask, prompt_tokens
from simulator.directives import Directives
from simulator.schemas import sample
from simulator.words import words

SHORTEST, LONGEST = 16, 120
_TOKEN = re.compile(r"\s*\S+(?:\s+\Z)?|\s+\Z")

THOUGHT = 12
"""Tokens of a thought that is asked for, where no directive says how many."""
MOST_SHOWN = 1000
"""The most words of a thought that are told: a longer one is a summary."""

Finish = Literal["stop", "length", "tool", "filter"]


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of one content chunk, and how many tokens are complete once it has been sent."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer. `stopped_by` is the stop sequence that ended it; `calls` are the pieces, call by call."""

    pieces: tuple[Piece, ...]
    finish: Finish
    stopped_by: str | None = None
    calls: tuple[tuple[Piece, ...], ...] = ()

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
    """`thought` is what is told of the reasoning."""

    choices: tuple[Choice, ...]
    usage: Usage
    tool_name: str | None = None
    thought: tuple[Piece, ...] = ()

    @property
    def tokens_shown(self) -> int:
        """Count the completion tokens that a client gets to see."""
        return sum(choice.tokens for choice in self.choices) + len(self.thought)


def produce(ask: Ask, directives: Directives) -> Answer:
    """Make the whole answer. Equal asks and directives give equal answers."""
    if directives.calls is not None and ask.offered is not None:
        name, schema = ask.offered
        ask = replace(ask, form="tool", tool_name=name, schema=schema)
    reasoning = _reasoning(ask, directives)
    made = [_choose(ask, directives, index=index, reasoning=reasoning) for index in range(ask.choices)]
    cached, cache_write = directives.cached, directives.cache_write
    prompt = directives.prompt
    if prompt is None:
        counted = prompt_tokens(ask.messages) if ask.prompt_tokens is None else ask.prompt_tokens
        prompt = max(counted, cached + cache_write)
    completion = sum(choice.tokens for choice in made) + reasoning
    usage = Usage(
        prompt=prompt, completion=completion, cached=cached, cache_write=cache_write, reasoning=reasoning
    )
    thought = _thought(ask, reasoning) if ask.thought == "shown" else ()
    return Answer(tuple(made), usage, tool_name=ask.tool_name, thought=thought)


def _reasoning(ask: Ask, directives: Directives) -> int:
    if not ask.choices:
        return 0
    reasoning = directives.reasoning
    if reasoning is None:
        reasoning = 0 if ask.thought == "untold" else THOUGHT
    if ask.limit is not None and directives.overrun is None:
        reasoning = min(reasoning, ask.limit)
    return reasoning


def _thought(ask: Ask, reasoning: int) -> tuple[Piece, ...]:
    return tuple(
        Piece(word, 1) for word in _spaced(words(ask.digest + b"thought", min(reasoning, MOST_SHOWN)))
    )


def _choose(ask: Ask, directives: Directives, *, index: int, reasoning: int) -> Choice:
    digest = ask.digest + bytes([index])
    tokens = _tokens(ask, directives, digest)
    if ask.form == "tool":
        return _call(ask, directives, tokens, reasoning=reasoning)
    finish: Finish = "stop"
    room = _room(ask, directives, reasoning)
    if room is not None and len(tokens) > room:
        tokens, finish = tokens[:room], "length"
    tokens, stopped_by = _before_stop(tokens, ask.stop)
    if stopped_by is not None:
        finish = "stop"
    return Choice(_split(tokens, directives.chunks), "filter" if directives.filter else finish, stopped_by)


def _call(ask: Ask, directives: Directives, tokens: list[str], *, reasoning: int) -> Choice:
    """Call the tool as often as wanted, each time with the same arguments, as far as the limit allows."""
    room = _room(ask, directives, reasoning)
    made = (tokens * (directives.calls or 1))[:room]
    is_cut = len(made) < len(tokens) * (directives.calls or 1)
    each = [made[start : start + len(tokens)] for start in range(0, len(made), len(tokens))]
    calls = tuple(_split(one, directives.chunks) for one in each)
    return Choice(
        tuple(piece for call in calls for piece in call), "length" if is_cut else "tool", calls=calls
    )


def _room(ask: Ask, directives: Directives, reasoning: int) -> int | None:
    """Say how many tokens a choice may have after its reasoning."""
    return None if ask.limit is None or directives.overrun is not None else ask.limit - reasoning


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


def arguments(text: str) -> Any:
    """Read the arguments of a call; of a call that was cut there are none."""
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _spaced(found: list[str]) -> list[str]:
    return found[:1] + [" " + word for word in found[1:]]


def split_words(text: str) -> list[str]:
    """Split into words that still carry their white space: joined, they are the text."""
    return _TOKEN.findall(text)


def _last_user_text(ask: Ask) -> str:
    spoken = [message.text for message in ask.messages if message.role == "user"]
    return spoken[-1] if spoken else ""


def _before_stop(tokens: list[str], stop: Sequence[str]) -> tuple[list[str], str | None]:
    """Cut before the stop sequence that comes first, and name it."""
    text = "".join(tokens) if stop else ""
    found = [(at, sequence) for sequence in stop if (at := text.find(sequence)) >= 0]
    if not found:
        return tokens, None
    at, sequence = min(found, key=lambda hit: hit[0])
    return split_words(text[:at]), sequence


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
