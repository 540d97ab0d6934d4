"""Bodies clients should not send: one of everything a format has, with something wrong in it."""

from random import Random
from typing import Any

from tests.proxy.formats.messages.requests import FULL as MESSAGES
from tests.proxy.malformed import (
    HOSTILE,
    Json,
    broken_bytes,
    encoded,
    spoiled,
    with_one,
)

PNG = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}
CHAT: Json = {
    "model": "acme/tiny",
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "user",
            "name": "ann",
            "content": [
                {"type": "text", "text": "Look."},
                {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
            ],
        },
        {
            "role": "assistant",
            "content": "Let me see.",
            "reasoning_content": "Hm.",
            "reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "signature": "s", "index": 0}],
            "refusal": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"town": "Taipei"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "Sunny."},
        {"role": "developer", "content": "Go on."},
    ],
    "tools": [{"type": "function", "function": {"name": "look", "description": "d", "parameters": SCHEMA, "strict": True}}],
    "tool_choice": {"type": "function", "function": {"name": "look"}},
    "parallel_tool_calls": True,
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}},
    "max_tokens": 4,
    "n": 1,
    "stop": ["END"],
    "temperature": 1,
    "top_p": 0.9,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "seed": 7,
    "logit_bias": {"5": 1},
    "reasoning_effort": "low",
    "user": "u-1",
    "metadata": {"a": "b"},
    "stream": False,
    "stream_options": {"include_usage": True},
    "service_tier": "auto",
    "modalities": ["text"],
    "debug": {"echo_upstream_body": True},
    "models": ["acme/tiny"],
    "provider": {"order": ["openai"], "only": ["openai"], "ignore": [], "sort": "price", "max_price": {"prompt": 1}},
}  # fmt: skip
RESPONSES: Json = {
    "model": "acme/tiny",
    "instructions": "Be brief.",
    "input": [
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look."},
                {"type": "input_image", "image_url": PNG, "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
            ],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "x"},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look", "arguments": '{"town": "Taipei"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "Sunny."},
        {"role": "assistant", "content": [{"type": "output_text", "text": "So.", "annotations": []}]},
        {"role": "user", "content": "Go on."},
    ],
    "tools": [{"type": "function", "name": "look", "description": "d", "parameters": SCHEMA, "strict": True}],
    "tool_choice": {"type": "function", "name": "look"},
    "parallel_tool_calls": True,
    "text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "max_output_tokens": 16,
    "temperature": 1,
    "top_p": 0.9,
    "top_logprobs": 0,
    "truncation": "disabled",
    "store": False,
    "metadata": {"a": "b"},
    "user": "u-1",
    "stream": False,
    "service_tier": "auto",
    "debug": {"echo_upstream_body": True},
}  # fmt: skip
COMPLETIONS: Json = {
    "model": "acme/tiny",
    "prompt": ["Once upon a time", "Never"],
    "suffix": "the end",
    "max_tokens": 4,
    "n": 1,
    "stop": ["END"],
    "temperature": 1,
    "top_p": 0.9,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "seed": 7,
    "logit_bias": {"5": 1},
    "logprobs": 0,
    "echo": False,
    "user": "u-1",
    "stream": False,
    "stream_options": {"include_usage": True},
    "provider": {"only": ["openai"]},
}
EMBEDDINGS: Json = {
    "model": "acme/tiny",
    "input": ["Once upon a time", "Never", [1, 2, 3]],
    "dimensions": 8,
    "encoding_format": "base64",
    "user": "u-1",
    "provider": {"only": ["openai"]},
}
FULL = {
    "/chat/completions": CHAT,
    "/completions": COMPLETIONS,
    "/embeddings": EMBEDDINGS,
    "/messages": {**MESSAGES, "max_tokens": 4, "models": ["acme/tiny"]},
    "/responses": RESPONSES,
    "/cost/estimate": CHAT,
}
NEEDED = {"model", "messages", "input", "prompt", "max_tokens"}


def thinned(value: Any, chance: Random, *, kept: float) -> Any:
    """Some of a document: of its lists not all, but never none."""
    if isinstance(value, dict):
        return {name: thinned(inner, chance, kept=kept) for name, inner in value.items()}
    if isinstance(value, list) and value:
        some = [inner for inner in value if chance.random() < kept] or [chance.choice(value)]
        return [thinned(inner, chance, kept=kept) for inner in some]
    return value


def bad_body(path: str, chance: Random, *, model: str) -> bytes:
    said: Any = {**FULL[path], "model": chance.choice((model, "acme/tiny"))}
    if "stream" in said:
        said["stream"] = chance.random() < 0.3
    # Of everything at once something is always refused: what is left gets further.
    kept = chance.choice((0.1, 0.3, 0.6, 1.0))
    said = {name: value for name, value in said.items() if name in NEEDED or chance.random() < kept}
    said = thinned(said, chance, kept=kept)
    for _ in range(chance.choice((1, 1, 1, 1, 2, 5))):
        said = chance.choice((with_one, with_one, spoiled))(said, chance) if said else chance.choice(HOSTILE)
    if isinstance(said, dict) and chance.random() < 0.05:
        said[chance.choice(("x", "", "\ud800", "tools", "usage", "thinking"))] = chance.choice(HOSTILE)
    data = encoded(said, chance)
    return broken_bytes(data, chance) if chance.random() < 0.1 else data
