"""Read JSON that came from outside: one meaning or none.

The standard library's parser with its leniencies taken away: a key given twice, NaN and Infinity, numbers
beyond a double, integers of absurd length, half characters (lone surrogates: UTF-8 cannot hold them) and deep
nesting are refused, each with a sentence for the sender.
"""

import json
import math
import re
from typing import Any

import msgspec

MAX_INT_DIGITS = 20
_quick_read, _quick_write = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode
_DIGITS = bytes(ord("0") if chr(byte) in "123456789" else byte for byte in range(256))  # each as 0
_LONG_NUMBER = b"0" * (MAX_INT_DIGITS + 1)  # for what looks at every byte, a tenth of what a pattern takes
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
SMALL_BYTES = 64 * 1024
MAX_DEPTH = 64  # far below what any reader of the value could stumble over
_TOO_DEEP = f"The body is not acceptable JSON: it is nested more than {MAX_DEPTH} levels deep."


def loads(body: bytes) -> Any:
    """Parse UTF-8 JSON. Raises ValueError with a message fit for the sender."""
    if len(body) <= SMALL_BYTES and body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        try:
            value = _quick_read(body)
            # Written as most libraries write it, it says nothing beside this value.
            if _quick_write(value) == body and _LONG_NUMBER not in body.translate(_DIGITS):
                return value
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass  # why, is told below
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"The body is not valid UTF-8 (byte {error.start}).") from None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"The body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        ) from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
        raise ValueError(_TOO_DEEP)
    if "\\u" in text and _ESCAPED_SURROGATE.search(text) and _has_half_characters(value):
        raise ValueError(
            "The body holds half a character: a \\ud800 to \\udfff escape without its other half."
        )
    return value


def _is_deep(value: object) -> bool:
    """Say whether containers are nested beyond the limit, level by level: the sender decides the shape."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, (dict, list))
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True


def _has_half_characters(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"The body is ambiguous: the key {twice[:80]!r} is given twice.")
    return result


def _constant(name: str) -> Any:
    raise ValueError(f"The body is not valid JSON: {name} is not a JSON number.")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"The number {text[:40]} is out of range.")
    return value


def _int(text: str) -> int:
    if len(text) > MAX_INT_DIGITS:
        raise ValueError(f"The number {text[:MAX_INT_DIGITS]}... is out of range.")
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
)
