"""Answers no honest provider gives: valid ones of each dialect, broken in every way that came to mind."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any, Literal

Json = dict[str, Any]
DIALECTS = ("openai", "anthropic", "gemini")


@dataclass(frozen=True)
class Played:
    """What a provider answers: these writes, and then the end of the answer, of the connection, or nothing."""

    pieces: tuple[bytes, ...]
    end: Literal["whole", "cut", "silence"] = "whole"


# ---- what honest providers say


def chunk(delta: Json, finish: str | None = None, **fields: Any) -> Json:
    return {"id": "a-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **fields}


def tool(name: str | None, arguments: Any, **fields: Any) -> Json:
    return {"tool_calls": [{"index": 0, **fields, "function": {"name": name, "arguments": arguments}}]}


OPENAI_USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2, "audio_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 1},
}
ANTHROPIC_USAGE = {
    "input_tokens": 14,
    "cache_read_input_tokens": 4,
    "cache_creation_input_tokens": 2,
    "output_tokens": 9,
    "output_tokens_details": {"thinking_tokens": 3},
}
GEMINI_USAGE = {
    "promptTokenCount": 20,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 6,
    "thoughtsTokenCount": 3,
    "totalTokenCount": 29,
    "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1}],
}


def openai() -> list[Json]:
    return [
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Let me see."}),
        chunk(
            {"reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "signature": "s", "index": 0}]}
        ),
        chunk({"content": "Hello "}),
        chunk({"content": [{"type": "text", "text": "there."}]}),
        chunk({"refusal": "No."}),
        chunk(tool("weather", "", id="call_1", type="function")),
        chunk(tool(None, '{"town": "Taipei"}')),
        chunk({}, "tool_calls"),
        {"id": "a-1", "choices": [], "usage": OPENAI_USAGE},
    ]


def openai_whole() -> Json:
    said = {
        "role": "assistant",
        "content": "Hello there.",
        "reasoning_content": "Let me see.",
        **tool("weather", '{"town": "Taipei"}', id="call_1", type="function"),
    }
    choice = {"index": 0, "message": said, "finish_reason": "tool_calls"}
    return {"id": "a-1", "object": "chat.completion", "choices": [choice], "usage": OPENAI_USAGE}


def anthropic() -> list[Json]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "usage": ANTHROPIC_USAGE}
    told: list[Json] = [{"type": "message_start", "message": head}, {"type": "ping"}]
    blocks: list[tuple[Json, list[Json]]] = [
        (
            {"type": "thinking", "thinking": "", "signature": ""},
            [
                {"type": "thinking_delta", "thinking": "Let me see."},
                {"type": "signature_delta", "signature": "s"},
            ],
        ),
        (
            {"type": "text", "text": ""},
            [{"type": "text_delta", "text": word} for word in ("Hello ", "there.")],
        ),
        (
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
            [{"type": "input_json_delta", "partial_json": '{"town": "Taipei"}'}],
        ),
    ]
    for index, (block, deltas) in enumerate(blocks):
        told.append({"type": "content_block_start", "index": index, "content_block": block})
        told += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        told.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": "tool_use", "stop_sequence": None}
    return [
        *told,
        {"type": "message_delta", "delta": stop, "usage": ANTHROPIC_USAGE},
        {"type": "message_stop"},
    ]


def anthropic_whole() -> Json:
    content = [
        {"type": "thinking", "thinking": "Let me see.", "signature": "s"},
        {"type": "text", "text": "Hello there."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"town": "Taipei"}},
    ]
    stop = {"stop_reason": "tool_use", "stop_sequence": None}
    return {"id": "msg_1", "type": "message", "content": content, **stop, "usage": ANTHROPIC_USAGE}


def candidate(*parts: Json, finish: str | None = None) -> Json:
    ending = {} if finish is None else {"finishReason": finish}
    said = {"content": {"role": "model", "parts": list(parts)}, "index": 0, **ending}
    return {"candidates": [said], "usageMetadata": GEMINI_USAGE, "responseId": "r-1"}


def gemini() -> list[Json]:
    call = {"functionCall": {"name": "weather", "args": {"town": "Taipei"}}, "thoughtSignature": "cw=="}
    return [
        candidate({"text": "Let me see.", "thought": True}),
        candidate({"text": "Hello "}),
        candidate({"text": "there.", "thoughtSignature": "cw=="}),
        candidate(call),
        candidate({"text": ""}, finish="STOP"),
    ]


def gemini_whole() -> Json:
    parts = [part for one in gemini() for part in one["candidates"][0]["content"]["parts"]]
    return candidate(*parts, finish="STOP")


STREAMS: dict[str, Callable[[], list[Json]]] = {"openai": openai, "anthropic": anthropic, "gemini": gemini}
WHOLES: dict[str, Callable[[], Json]] = {
    "openai": openai_whole,
    "anthropic": anthropic_whole,
    "gemini": gemini_whole,
}
LAST = {"openai": b"data: [DONE]\n\n", "anthropic": b"", "gemini": b""}


# ---- what is put in the place of what they say


def raw(text: str) -> str:
    """JSON that no encoder writes, or none should copy, to be put into a document as it is."""
    return f"@{text.encode().hex()}@"


def nested(depth: int, name: str) -> str:
    """A part in a part in a part."""
    begin = f'[{{"type": "{name}", "{name}": '
    return raw(begin * depth + '"x"' + "}]" * depth)


NUMBERS = (
    *(0, -1, 1, -0.0, 1.5, 1e308, -1e308, 2**31 - 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 10**30),
    *(40, 150, 300, 1_000, 3_000, 9_000),  # that might be true
    *map(raw, ("1e400", "-1e400", "NaN", "Infinity", "9" * 5000, "-" + "9" * 400, "0." + "3" * 400)),
)
TEXTS = (
    *(
        "",
        "\0",
        "\ud800",
        "\udfff tail",
        "\u2028\r\n",
        "x" * 5000,
        "né😀",
        "[DONE]",
        "\ndata: {}\n\n",
        "error",
    ),
    *("tool_calls", "MALFORMED_FUNCTION_CALL", "{", "null", "5", "NaN", "1e308", '{"a": 1}{"b": 2}'),
)
SHAPES: tuple[Any, ...] = (
    *(None, True, False, [], {}, [[]], [None], [{}], {"": None}, [[["x"]]], {"type": "text"}, [1, "x", None]),
    *map(raw, ("[" * 100_000, '{"a": 1, "a": 2}', "", "undefined", "'x'", "[1,]", '"\\x"')),
)
DEEP = (
    *(nested(depth, name) for depth in (50, 150, 300, 400, 450) for name in ("text", "thinking")),
    *(raw("[" * depth + "]" * depth) for depth in (300, 600, 800, 940)),
    *(raw('{"text":' * depth + '"x"' + "}" * depth) for depth in (300, 600, 800, 940)),
)
HOSTILE = (*NUMBERS, *TEXTS, *SHAPES, *DEEP)
COUNTS = ("token", "Token")  # are in the name of all that is counted


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a document: what holds it, and under which name or number."""
    items: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(value, dict):
        items = iter(list(value.items()))
    elif isinstance(value, list):
        items = iter(list(enumerate(value)))
    for name, inner in items:
        yield value, name
        yield from places(inner)


def spoiled(value: Any, chance: Random) -> Any:
    """A document with one of its places spoiled."""
    made = copy.deepcopy(value)
    found = list(places(made))
    if not found:
        return chance.choice(HOSTILE)
    holder, name = chance.choice(found)
    match chance.randrange(5):
        case 0:
            del holder[name]
        case 1 if isinstance(holder, list):
            holder.insert(name, copy.deepcopy(holder[name]))
        case 1:
            holder[chance.choice(("", "x", "type", "index", "error", "usage", "content"))] = holder[name]
        case 2:
            holder[name] = [copy.deepcopy(holder[name])] * chance.choice((1, 2, 40))
        case _:
            holder[name] = chance.choice(HOSTILE)
    return made


def lied(value: Any, chance: Random) -> Any:
    """A document that lies in what it counts: in one place or in all."""
    made, lie = copy.deepcopy(value), chance.choice((*NUMBERS, "12", None, True, [], {}, "many"))
    counts = [
        (holder, name)
        for holder, name in places(made)
        if isinstance(name, str) and any(word in name for word in COUNTS)
    ]
    for holder, name in counts if chance.random() < 0.3 else chance.sample(counts, min(1, len(counts))):
        holder[name] = lie
    return made


def encoded(value: Any, chance: Random) -> bytes:
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5)
    data = re.sub(r'"@([0-9a-f]*)@"', lambda found: bytes.fromhex(found[1]).decode(), text)
    return data.encode(errors="surrogatepass")


# ---- streams and plain answers


def reordered(told: list[Json], chance: Random, *, dialect: str) -> list[Json]:
    """The events of a stream, not as they should come."""
    at = chance.randrange(len(told))
    errors: list[Json] = [{"error": {"message": "x"}}, {"type": "error"}, {"error": 0}, {}]
    orders: list[Callable[[], list[Json]]] = [
        lambda: chance.sample(told, len(told)),
        lambda: [*told[:at], told[at], *told[at:]],
        lambda: told[:at] + told[at + 1 :],
        lambda: told[:at],
        lambda: told[at:],
        lambda: told + told,
        lambda: [*told[:at], chance.choice(STREAMS[chance.choice(DIALECTS)]()), *told[at:]],
        lambda: [*told[:at], chance.choice(errors), *told[at:]],
        lambda: crowded(
            told, chance, name={"openai": "choices", "gemini": "candidates"}.get(dialect, "content")
        ),
    ]
    return chance.choice(orders)() or told


def crowded(told: list[Json], chance: Random, *, name: str) -> list[Json]:
    """A stream of more answers than one."""
    made = copy.deepcopy(told)
    for event in made:
        answers = event.get(name) if isinstance(event, dict) else None
        if isinstance(answers, list) and answers and isinstance(answers[0], dict):
            answers.append({**answers[0], "index": chance.choice((0, 1, 7, -1))})
    return made


def framed(data: bytes, chance: Random, *, kind: object) -> bytes:
    style = chance.randrange(30)
    if style == 0:
        return b"data:" + data + b"\n\n"
    if style == 1:
        return b": hello\n" + b"data: " + data + b"\r\n\r\n"
    if style == 2:
        return b"data: " + data + b"\n"
    if style == 3:
        return b"data: " + data.replace(b", ", b",\ndata: ") + b"\nid: 5\nretry: 1\n\n"
    if style == 4:
        return data + b"\n\n"
    named = f"event: {kind}\n".encode(errors="replace") if isinstance(kind, str) else b""
    return named + b"data: " + data + b"\n\n"


ODD = (
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\n",
    b"\r",
    b"\n\n",
    b'"',
    b"}",
    b"{",
    b"\\",
)
LINE_ENDS = (b"\r\n", b"\r", b"\n\n", b"\n \n")
LONG = (70_000, 70_000, 1 << 20, 3 << 20)


def broken_bytes(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    ways: list[Callable[[], bytes]] = [
        lambda: data[:at],
        lambda: data[:at] + chance.choice(ODD) + data[at:],
        lambda: data[:at] + chance.randbytes(chance.randrange(1, 40)) + data[at:],
        lambda: data[:at] + data[at + chance.randrange(1, 30) :],
        lambda: b"\xef\xbb\xbf" + data,
        lambda: data.replace(b"\n", chance.choice(LINE_ENDS)),
        lambda: data.replace(b"\n", b"", chance.randrange(1, 5)),
        lambda: chance.randbytes(chance.randrange(0, 3000)),
        lambda: data[:at] + b"data: " + b"x" * chance.choice(LONG) + b"\n\n" + data[at:],
    ]
    return chance.choice(ways)()


def with_one(value: Any, chance: Random) -> Any:
    """A document with something hostile in one place, and nothing else wrong with it; or in place of it."""
    made = copy.deepcopy(value)
    within = list(places(made))
    holder, name = chance.choice(within) if within else (None, None)
    hostile = chance.choice(chance.choice((NUMBERS, TEXTS, SHAPES, SHAPES, DEEP)))
    if holder is None:
        return hostile
    holder[name] = hostile
    return made


def stream(dialect: str, chance: Random) -> Played:
    told = copy.deepcopy(STREAMS[dialect]())
    last = LAST[dialect]
    if chance.random() < 0.4:
        at = chance.randrange(len(told))
        told[at] = with_one(told[at], chance)
        return Played((b"".join(b"data: " + encoded(event, chance) + b"\n\n" for event in told) + last,))
    for _ in range(chance.randrange(4)):
        match chance.randrange(4):
            case 0:
                told = reordered(told, chance, dialect=dialect)
            case 1:
                told = [lied(event, chance) for event in told]
            case _:
                at = chance.randrange(len(told))
                told[at] = spoiled(told[at], chance)
    if chance.random() < 0.1:
        last = chance.choice((b"", b"data: [DONE]\n\ndata: {}\n\n", b"data: [DONE]\n\n", last + last))
    kinds = [event.get("type") if isinstance(event, dict) else None for event in told]
    data = b"".join(
        framed(encoded(event, chance), chance, kind=kind) for event, kind in zip(told, kinds, strict=True)
    )
    return played(data + last, chance)


def whole(dialect: str, chance: Random) -> Played:
    said: Any = WHOLES[dialect]()
    if chance.random() < 0.4:
        return Played((encoded(with_one(said, chance), chance),))
    for _ in range(chance.randrange(4)):
        said = lied(said, chance) if chance.random() < 0.3 else spoiled(said, chance)
    return played(encoded(said, chance), chance)


def played(data: bytes, chance: Random) -> Played:
    """The bytes, or what is left of them, in pieces."""
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        data = broken_bytes(data, chance)
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.choice((0, 1, 3, 9))))
    edges = [0, *cuts, len(data)]
    pieces = tuple(data[a:b] for a, b in pairwise(edges) if a < b)
    end = chance.choices(("whole", "cut", "silence"), weights=(88, 9, 3))[0]
    return Played(pieces, end)
