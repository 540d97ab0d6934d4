"""The worst case of a chat call: an upper bound of its input, and the output it may produce.

A byte-level token is at least one byte, so the bytes of a text bound its tokens; in running text two bytes
a token is already cautious. Media are bounded per part, and nothing passes the model's context window.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

TOKENS_PER_IMAGE = 16_384  # where nothing is known of a model: what those make of one that look closest
TYPICAL_IMAGE = 1_200  # tokens of a megapixel with most models, for estimates
CLOSEST = "original"  # the detail in which an image has no such bound
URI_HEAD = len("data:image/")
TOKENS_PER_MESSAGE = 8
BYTES_PER_TOKEN = 4  # typical, for estimates
# Parts whose size their bytes do not tell: a link, an id, a recording.
UNBOUNDED_PARTS = frozenset(
    [
        "input_audio", "audio", "audio_url", "input_video", "video", "video_url", "image", "input_image",
        "file", "input_file", "document",
    ]
)  # fmt: skip


class Parts(NamedTuple):
    """In the words of one format: which parts of a message their bytes say nothing of."""

    images: frozenset[str]  # parts of these types are images
    picture: str  # and this is the field of them the image is in
    unbounded: frozenset[str] = UNBOUNDED_PARTS
    inline: frozenset[str] = frozenset()  # sources of a document that are text, all of it there to be counted
    calls: frozenset[str] = frozenset()  # their input is data, whatever types it speaks of


CHAT = Parts(images=frozenset({"image_url"}), picture="image_url")
MESSAGES = Parts(
    images=frozenset({"image"}),
    picture="source",
    unbounded=(UNBOUNDED_PARTS - {"image"}) | {"container_upload"},
    inline=frozenset({"text", "content"}),
    calls=frozenset({"tool_use", "server_tool_use"}),
)
RESPONSES = Parts(
    images=frozenset({"input_image"}), picture="image_url", unbounded=UNBOUNDED_PARTS - {"input_image"}
)
_DATA = Parts(images=frozenset(), picture="", unbounded=frozenset())
_PLAIN_NAMES = ("role", "content")
_PLAIN_BYTES = sum(map(len, _PLAIN_NAMES))


class InputSize(msgspec.Struct, frozen=True):
    """How large an input is: what it may count as at most, and what it probably counts as (tokens)."""

    at_most: int
    estimate: int
    is_bounded: bool = True  # False: it holds media, and there is no context window to bound them


class Content(msgspec.Struct):
    """What the messages of a call hold, measured once: so the messages themselves need not be kept."""

    text_bytes: int = 0
    other_bytes: int = 0  # what the model may get to see, though mostly it does not: names, numbers, files
    messages: int = 0
    images: int = 0
    unbounded: bool = False


def measure(messages: Sequence[object], *, extra_bytes: int, parts: Parts = CHAT) -> Content:
    """Measure the input of a call. `extra_bytes` is what else is sent along: tools, schemas."""
    content = Content(text_bytes=extra_bytes, messages=len(messages))
    for message in messages:
        if not _count_plain(message, content):
            _count(message, content, parts)
    return content


def input_size(content: Content, *, context: int | None, image_tokens: int | None = None) -> InputSize:
    """Bound the input of a call, in tokens. `image_tokens`: the most the model makes of one image."""
    most_of_one = TOKENS_PER_IMAGE if image_tokens is None else image_tokens
    media = content.images * most_of_one
    overhead = TOKENS_PER_MESSAGE * content.messages
    at_most = (content.text_bytes + content.other_bytes) // 2 + overhead + media
    estimate = -(-content.text_bytes // BYTES_PER_TOKEN) + overhead // 2
    estimate += content.images * min(most_of_one, TYPICAL_IMAGE)
    if context is None:
        return InputSize(at_most, min(estimate, at_most), is_bounded=not content.unbounded)
    at_most = context if content.unbounded else min(at_most, context)
    return InputSize(at_most, min(estimate, at_most))


def measure_texts(texts: Sequence[str | Sequence[int]], *, other_bytes: int) -> Content:
    """Measure texts that are no messages. Tokens count as the bytes they typically are."""
    sizes = [_bytes(text) if isinstance(text, str) else BYTES_PER_TOKEN * len(text) for text in texts]
    return Content(text_bytes=sum(sizes), other_bytes=other_bytes, messages=len(texts))


def texts_size(content: Content, *, context: int | None) -> InputSize:
    """Bound texts that are each put to the model by itself: each may fill its context."""
    at_most = (content.text_bytes + content.other_bytes) // 2 + TOKENS_PER_MESSAGE * content.messages
    if context is not None:
        at_most = min(at_most, context * content.messages)
    estimate = max(content.messages, -(-content.text_bytes // BYTES_PER_TOKEN))
    return InputSize(at_most, min(estimate, at_most))


def _count_plain(message: object, content: Content) -> bool:
    """Count a message that is a role and a text, as most are; say whether it was one."""
    if not isinstance(message, dict) or len(message) != len(_PLAIN_NAMES):
        return False
    role, text = message.get("role"), message.get("content")
    if not isinstance(role, str) or not isinstance(text, str):
        return False
    content.text_bytes += _bytes(role) + _bytes(text)
    content.other_bytes += _PLAIN_BYTES
    return True


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _count(message: object, content: Content, parts: Parts) -> None:
    todo = [(message, True, parts)]  # a list, not recursion: the sender decides how deep this goes
    while todo:
        value, is_text, words = todo.pop()
        if isinstance(value, str):
            size = _bytes(value)
            content.text_bytes += size if is_text else 0
            content.other_bytes += 0 if is_text else size
        elif isinstance(value, Mapping):
            kind = _type(value)
            is_image = kind in words.images
            is_file = _is_unbounded(value, words)
            content.images += is_image
            content.unbounded |= is_file
            content.other_bytes += sum(len(str(name)) for name in value)
            todo.extend((inner, is_text and not is_file, read_as) for inner, read_as in _inside(value, words))
        elif isinstance(value, Sequence):
            todo.extend((inner, is_text, words) for inner in value)
        else:
            content.other_bytes += len(str(value))


def _inside(part: Mapping[object, object], words: Parts) -> Iterator[tuple[object, Parts]]:
    """What counts of a part, and how it is to be read.

    What stands beside the picture or the file counts: a text may hide behind such a type.
    """
    kind = _type(part)
    for name, inner in part.items():
        if kind in words.images and name == words.picture:
            continue
        yield inner, _DATA if kind in words.calls and name == "input" else words


def _is_unbounded(part: Mapping[object, object], words: Parts) -> bool:
    """Say whether a part may hold more than its bytes, or its type, tell."""
    kind = _type(part)
    if kind in words.images:
        return _is_disguised(part.get(words.picture)) or _looks_closest(part, words)
    return kind in words.unbounded and not _is_inline(part, words)


def _is_disguised(picture: object) -> bool:
    """Say whether what stands inline in an image's place is none: some providers take it as what it is."""
    url = picture.get("url") if isinstance(picture, Mapping) else picture
    head = url.lstrip()[:URI_HEAD].lower() if isinstance(url, str) else ""
    return head.startswith("data:") and not head.startswith("data:image/")


def _looks_closest(part: Mapping[object, object], words: Parts) -> bool:
    """Say whether an image is to be looked at pixel by pixel: then it is as large as its sender likes."""
    picture = part.get(words.picture)
    places = (part, picture) if isinstance(picture, Mapping) else (part,)
    return any(place.get("detail") == CLOSEST for place in places)


def _is_inline(part: Mapping[object, object], words: Parts) -> bool:
    source = part.get("source")
    return isinstance(source, Mapping) and _type(source) in words.inline


def _type(part: Mapping[object, object]) -> str | None:
    kind = part.get("type")
    return kind if isinstance(kind, str) else None


def output_bound(*, asked: int | None, model_max: int | None, context: int | None, cap: int) -> int:
    """The most tokens one choice may produce: the least of what client, model and operator allow."""
    bounds = [bound for bound in (asked, model_max or context, cap) if bound is not None]
    return min(bounds)
