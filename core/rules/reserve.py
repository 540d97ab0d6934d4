"""The worst case of a chat call: an upper bound of its input, and the output it may produce.

A byte-level token is at least one byte, so the bytes of a text bound its tokens; in running text two bytes
a token is already cautious. Media are bounded per part, and nothing passes the model's context window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TOKENS_PER_IMAGE = 4096
TOKENS_PER_MESSAGE = 8
BYTES_PER_TOKEN = 4  # typical, for estimates
UNBOUNDED_PARTS = frozenset({"input_audio", "file", "video_url", "input_video"})


@dataclass(frozen=True, slots=True)
class InputSize:
    """How large an input is: what it may count as at most, and what it probably counts as (tokens)."""

    at_most: int
    estimate: int


@dataclass(slots=True)
class _Tally:
    text_bytes: int = 0
    messages: int = 0
    images: int = 0
    unbounded: bool = False


def input_size(messages: Sequence[object], *, extra_bytes: int, context: int | None) -> InputSize:
    """Bound the input of a call. `extra_bytes` is what else is sent along: tools, schemas."""
    tally = _Tally(text_bytes=extra_bytes, messages=len(messages))
    for message in messages:
        _count(message, tally)
    media = tally.images * TOKENS_PER_IMAGE
    overhead = TOKENS_PER_MESSAGE * tally.messages
    at_most = tally.text_bytes // 2 + overhead + media
    estimate = -(-tally.text_bytes // BYTES_PER_TOKEN) + overhead // 2 + media // 4
    if context is not None:
        at_most = context if tally.unbounded else min(at_most, context)
    return InputSize(at_most=at_most, estimate=min(estimate, at_most))


def _count(message: object, tally: _Tally) -> None:
    todo = [message]  # a list, not recursion: the sender decides how deep this goes
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            tally.text_bytes += len(value.encode("utf-8", "surrogatepass"))
        elif isinstance(value, Mapping):
            kind = value.get("type")
            if kind == "image_url":
                tally.images += 1
            elif isinstance(kind, str) and kind in UNBOUNDED_PARTS:
                tally.unbounded = True
            else:
                kind = None
            # Of a part that is media only the media are not text: a type must not hide what stands beside it.
            todo.extend(inner for name, inner in value.items() if kind is None or name != kind)
        elif isinstance(value, Sequence):
            todo.extend(value)


def output_bound(*, asked: int | None, model_max: int | None, context: int | None, cap: int) -> int:
    """The most tokens one choice may produce: the least of what client, model and operator allow."""
    bounds = [bound for bound in (asked, model_max or context, cap) if bound is not None]
    return min(bounds)
