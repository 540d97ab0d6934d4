"""The messages of a chat request as the turns of a conversation."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from msgspec.structs import replace

from core.strict_json import loads
from proxy.conversation import Inexpressible, Part, Text, Thinking, ToolResult, ToolUse, Turn
from proxy.formats.chat.fields import Fields
from proxy.formats.chat.parts import cache, content, texts

INSTRUCTING = ("system", "developer")
DETAILS = ("reasoning.text", "reasoning.summary", "reasoning.encrypted")
MAX_INDEX = 1 << 31
ROLES = (*INSTRUCTING, "user", "assistant", "tool")


def conversation(messages: Sequence[Fields]) -> tuple[tuple[Text, ...], tuple[Turn, ...]]:
    """The instructions a conversation begins with, and its turns."""
    system: list[Text] = []
    turns: list[Turn] = []
    for message in messages:
        role = message.needed("role")
        if role == "function":
            raise message.no_place("role")
        if role not in ROLES:
            raise message.wrong("role", f"one of {', '.join(ROLES)}")
        if role in INSTRUCTING and not turns:
            system += texts(message)
        else:
            turns.append(_turn(message, role))
        message.end()
    if not turns:
        raise Inexpressible(
            "messages", "The provider of this model wants a message of the user beside instructions. Add one."
        )
    return tuple(system), tuple(turns)


def _turn(message: Fields, role: str) -> Turn:
    if role == "assistant":
        return Turn("assistant", tuple(_assistant(message)))
    if role == "tool":
        return Turn("user", (_result(message),))
    if role in INSTRUCTING:
        # Other formats have instructions at the beginning only. A later one keeps its place, as if the user
        # said it: moved to the front, it would speak of what is not there yet, and undo what was cached.
        return Turn("user", tuple(texts(message)))
    return Turn("user", tuple(content(message)))


def _result(message: Fields) -> ToolResult:
    message.drop("name")  # of the tool, which the id of its call tells
    parts = content(message)
    return ToolResult(
        message.needed("tool_call_id"),
        tuple(replace(part, cache=False) for part in parts),
        cache=cache(message) or any(part.cache for part in parts),  # a mark inside is one of the whole
    )


def _assistant(message: Fields) -> Iterator[Part]:
    yield from _thoughts(message)
    yield from texts(message)
    if refusal := message.text("refusal"):
        yield Text(refusal)
    for call in message.objects("tool_calls"):
        yield _call(call)


def _call(call: Fields) -> ToolUse:
    call.drop("index")  # where a client put a streamed call together
    if call.one_of("type", ("function", "custom")) == "custom":
        raise call.no_place("type")
    function = call.object("function")
    if function is None:
        raise call.wrong("function", "an object")
    made = ToolUse(
        call.needed("id"),
        function.needed("name"),
        _arguments(function),
        signature=_signature(call),
        cache=cache(call),
    )
    function.end()
    call.end()
    return made


def _arguments(function: Fields) -> str:
    """The text of an object: other formats have the object itself."""
    text = function.text("arguments")
    if text is None or not text.strip():
        return "{}"
    try:
        value = loads(text.encode())
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise function.wrong("arguments", "the text of a JSON object")
    return text


def _signature(call: Fields) -> str | None:
    extra = call.object("extra_content")
    google = extra.object("google") if extra is not None else None
    if extra is None or google is None:
        return None
    signature = google.text("thought_signature")
    google.end()
    extra.end()
    return signature


def _thoughts(message: Fields) -> list[Thinking]:
    """Thoughts as they were answered: with their signatures, or else as plain text."""
    names = [message.text("reasoning_content"), message.text("reasoning")]
    plain = names[0] or names[1]  # of one text
    pieces = [_piece(detail) for detail in message.objects("reasoning_details")]
    marks = [_mark(place, index, piece) for place, (index, piece) in enumerate(pieces)]
    made = [
        _joined([piece for _, (_, piece) in group])
        for _, group in groupby(zip(marks, pieces, strict=True), key=lambda marked: marked[0])
    ]
    if plain and not any(thought.text for thought in made):
        made.insert(0, Thinking(plain))
    return [thought for thought in made if thought != Thinking()]


def _mark(place: int, index: int | None, piece: Thinking) -> tuple[str, int]:
    """What the pieces of one thought share: some clients keep those of a stream as they came."""
    if index is None or piece.redacted is not None:
        return "place", place
    return "index", index


def _piece(detail: Fields) -> tuple[int | None, Thinking]:
    kind = detail.one_of("type", DETAILS)
    index = detail.whole("index", 0, MAX_INDEX)
    detail.drop("id", "format")
    if kind == "reasoning.encrypted":
        made = Thinking(redacted=detail.needed("data"))
    else:
        made = Thinking(
            detail.text("text") or detail.text("summary") or "", signature=detail.text("signature")
        )
    detail.end()
    return index, made


def _joined(pieces: Sequence[Thinking]) -> Thinking:
    return Thinking(
        "".join(piece.text for piece in pieces),
        signature="".join(piece.signature or "" for piece in pieces) or None,
        redacted=pieces[0].redacted,
    )
