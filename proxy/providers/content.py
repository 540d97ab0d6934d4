"""How much of an answer a piece of it is, as bytes of text. Pure; no I/O."""

from typing import Any

# A character of base64 is far less than one of text. Sound is streamed as PCM at 24 kHz: 64,000 characters
# and 20 tokens a second, where 4 bytes of text are a token. That makes a picture of 1.5 MB some 500 tokens.
CODED_PER_BYTE = 800
LINKS = frozenset({"url", "image_url"})
NAMES = frozenset(
    {"id", "index", "name", "object", "role", "type"}
)  # say what something is, and are none of it


def text_bytes(value: Any) -> int:
    """The size of all text in a value."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode())
    if isinstance(value, list):
        return sum([text_bytes(part) for part in value])
    if isinstance(value, dict):
        return sum([text_bytes(part) for name, part in value.items() if name != "type"])
    return 0


def media_bytes(value: Any, name: str = "") -> int:
    """The same where text may stand beside sound and pictures in base64, under these names."""
    if isinstance(value, str):
        is_coded = name == "data" or (name in LINKS and value.startswith("data:"))
        return -(-len(value) // CODED_PER_BYTE) if is_coded else text_bytes(value)
    if isinstance(value, list):
        return sum([media_bytes(part, name) for part in value])
    if isinstance(value, dict):
        return sum([media_bytes(part, inner) for inner, part in value.items() if inner not in NAMES])
    return 0


def says_something(value: Any) -> bool:
    """Say whether there is any text in a value that is more than a name."""
    todo = [value]  # a list, not recursion: the sender decides how deep this goes
    while todo:
        found = todo.pop()
        if isinstance(found, str) and found:
            return True
        if isinstance(found, list):
            todo.extend(found)
        elif isinstance(found, dict):
            todo.extend(part for name, part in found.items() if name not in NAMES)
    return False
