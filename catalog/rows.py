"""One model of the catalogue, from one row of litellm's table."""

from collections.abc import Iterable
from typing import Any

from catalog.image_tokens import image_tokens
from catalog.litellm_prices import Prices, Row, prices_of, tiers_of
from catalog.names import model_id, title_of, upstream_name
from catalog.providers import Provider
from catalog.selection import MODES, TALKS, Model

_MODALITIES = ("text", "image", "audio", "video", "file", "embeddings")
_INPUT_FLAGS = {
    "image": ("supports_vision", "supports_image_input", "supports_embedding_image_input"),
    "audio": ("supports_audio_input",),
    "video": ("supports_video_input",),
    "file": ("supports_pdf_input",),
}
_FIXED_INPUT = {"speech": ("text",), "transcription": ("audio",), "ocr": ("image", "file")}
_FIXED_OUTPUT = {
    "embedding": ("embeddings",),
    "speech": ("audio",),
    "transcription": ("text",),
    "video": ("video",),
    "ocr": ("text",),
}
_OUTPUT_PRICE = {"audio": "output_audio", "image": "output_image_tokens", "video": "output_video_tokens"}
_PARAMETERS = {
    "tools": "supports_function_calling",
    "tool_choice": "supports_tool_choice",
    "parallel_tool_calls": "supports_parallel_function_calling",
    "response_format": "supports_response_schema",
    "structured_outputs": "supports_response_schema",
    "reasoning": "supports_reasoning",
    "web_search_options": "supports_web_search",
}


def model_of(provider: Provider, key: str, row: Row, *, as_of: str) -> Model:
    """Describe the model behind a row whose mode is one of ours."""
    mode, upstream = MODES[row["mode"]], upstream_name(provider, key)
    found, prices = model_id(provider, upstream), prices_of(row, mode)
    taken = _input_modalities(row, mode)
    return {
        "id": found,
        "name": title_of(found),
        "provider": provider.name,
        "upstream_model": upstream,
        "mode": mode,
        "context": _count(row.get("max_input_tokens")),
        "max_output": _count(row.get("max_output_tokens")) if mode in TALKS else None,
        "image_tokens": image_tokens(found) if mode in TALKS and "image" in taken else None,
        "input_modalities": taken,
        "output_modalities": _output_modalities(row, mode, prices),
        "supported_parameters": _parameters(row, mode),
        "premium": found.startswith("anthropic/claude-opus-"),
        "prices": prices,
        "tiers": tiers_of(row, prices),
        "source": "litellm",
        "as_of": as_of,
    }


def _count(value: Any) -> int | None:
    return int(value) if value else None


def _input_modalities(row: Row, mode: str) -> list[str]:
    if mode in _FIXED_INPUT:
        return list(_FIXED_INPUT[mode])
    found = {"text", *(row.get("supported_modalities") or ())}
    found |= {name for name, flags in _INPUT_FLAGS.items() if any(row.get(flag) for flag in flags)}
    return _ordered(found)


def _output_modalities(row: Row, mode: str, prices: Prices) -> list[str]:
    if mode in _FIXED_OUTPUT:
        return list(_FIXED_OUTPUT[mode])
    stated = set(row.get("supported_output_modalities") or ())
    if mode == "image":
        return _ordered(stated) or ["image"]
    if row.get("supports_audio_output"):
        stated.add("audio")
    # what has no price is not sold: a talking model lists sound and pictures only where they are priced
    priced = {name for name, key in _OUTPUT_PRICE.items() if key in prices}
    return _ordered({"text"} | stated & priced)


def _ordered(names: Iterable[str]) -> list[str]:
    known = set(names)
    return [name for name in _MODALITIES if name in known]


def _parameters(row: Row, mode: str) -> list[str]:
    if mode not in TALKS:
        return []
    return ["max_tokens", *(name for name, flag in _PARAMETERS.items() if row.get(flag))]
