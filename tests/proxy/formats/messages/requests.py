"""Requests in the Messages format, and values to spoil them with."""

import json

from hypothesis import strategies as st

GOOD = {"model": "acme/tiny", "max_tokens": 30, "messages": [{"role": "user", "content": "Hello"}]}
PICTURE = {"type": "base64", "media_type": "image/png", "data": "iVBOR"}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0"}
CACHE = {"type": "ephemeral"}
# One of everything there is.
FULL = {
    **GOOD,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": CACHE}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look.", "cache_control": CACHE},
                {"type": "image", "source": PICTURE},
                {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
                {"type": "document", "source": PDF, "title": "Report"},
                {"type": "document", "source": {"type": "content", "content": "Words"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
                {"type": "redacted_thinking", "data": "hidden"},
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": 1}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "Seen", "is_error": True}],
        },
    ],
    "tools": [{"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    "stop_sequences": ["END"],
    "temperature": 1,
    "top_p": 0.9,
    "top_k": 40,
    "metadata": {"user_id": "u-1"},
    "stream": True,
    "service_tier": "auto",
    "debug": {"echo_upstream_body": True},
    "models": ["acme/other"],
    "provider": {"allow_fallbacks": False},
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "source", "data", "content", "cache_control", "input", "name", "x"]
            )
            | st.text(st.characters(), max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


def places(value, path=()):
    """Where there is something in a document: each place as the names and numbers that lead to it."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in inside:
        yield from places(inner, (*path, name))


def spoiled(value, path, by):
    """A copy of a document with something else in one place."""
    if not path:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = spoiled(value[path[0]], path[1:], by)
    return copy


PLACES = sorted((path for path in places(FULL) if path), key=str)


def body(**fields):
    return json.dumps({**GOOD, **fields}).encode()
