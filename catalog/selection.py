"""Which rows of litellm's table become models, and why the others do not.

A row is left out for a reason that the report names: nothing disappears silently.
"""

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from catalog.litellm_prices import Row
from catalog.names import undated

Model = dict[str, Any]

MODES = {
    "chat": "chat",
    "completion": "completion",
    "responses": "responses",
    "embedding": "embedding",
    "image_generation": "image",
    "audio_speech": "speech",
    "audio_transcription": "transcription",
    "video_generation": "video",
    "ocr": "ocr",
}
_ENDPOINTS = (
    "/chat/completions", "/completions", "/responses", "/messages", "/embeddings",
    "/images/generations", "/audio/speech", "/audio/transcriptions", "/videos", "/ocr",
)  # fmt: skip
# names of a provider's table that are not models of their own, or not to be called as ours are
_NOT_LISTED = {
    # What searches on every call bills for the search, too, and a chat call has no price for that here.
    "openai": r"/|^ft:|^(gpt-)?daybreak|realtime|-live-|ada-002-v2|-search-(preview|api)",
    "google": r"^gemini-exp|learnlm|lyria|gemini-gemma|^deep-research|robotics|nano-banana-pro|-live"
    r"|^gemma|^imagen-3",  # Gemma is on Google's free tier only, which may keep prompts; hosts sell it
    "mistral": r"^(zai-|glm-|deepseek-)|^mistral-(vibe|code)-|realtime|^ministral-3-|^mistral-(small|tiny)$"
    r"|^mistral-medium-3-5$|^mistral-large-4-0$|^mistral-ocr-[34]-[01]$|^voxtral-.*-3-0$",
    "deepseek": r"^deepseek-(coder|r1|v3)",
    "xai": r"/|beta|experimental|gv2|-0309|^grok-(voice|build)-latest$|^grok-code-fast|video-1.5-preview",
    "cohere": r"nightly",
    "perplexity": r".",  # all of them search
    "alibaba": r"^(?!qwen|qwq|wan|happyhorse)",
    "ai21": r"^j2-|@",
    "voyage": r"context|multimodal|-lite-0",
    "volcengine": r"^(?!doubao-seed)",
    "groq": r"guard",
    "together": r"^together-ai-|^arize-ai/",
    "deepinfra": r"^(?!.+/)",
    "novita": r"/.+/|_|autoglm",
}
# makers whose closed models are called at the maker only
_CLOSED = re.compile(r"^(anthropic/|google/gemini|openai/gpt-(?!oss))")
# rows that cannot be right, and what is wrong with them
_WRONG = {
    "embed-multilingual-light-v3.0": "the price is 1,000 times that of its siblings",
}
# zero prices that the provider really offers; every other zero means the source does not know
_FREE = re.compile(r"^z-ai/glm-4\.[57]-flash$")
# dated names the documentation uses, kept beside their undated alias
DOCUMENTED = frozenset({"openai/gpt-4o-mini-tts-2025-12-15", "mistralai/voxtral-mini-tts-2603"})
_NEEDED = {
    "chat": ("input", "output"),
    "completion": ("input", "output"),
    "responses": ("input", "output"),
    "embedding": ("input",),
}
_NEEDED_ANY = {
    "image": ("image", "output_image_tokens"),
    "speech": ("character", "second_out", "output_audio", "output"),
    "transcription": ("second_in", "input_audio", "input"),
    "video": ("video_second",),
    "ocr": ("page",),
}
DECIMALS = 9  # prices are kept as whole nano-dollars
TALKS = frozenset({"chat", "completion", "responses"})


def why_not_read(provider: str, upstream: str, row: Row, *, as_of: date) -> str:
    """Say why a row is no candidate, or "" if it is one."""
    if row.get("mode") not in MODES:
        return f"mode {row.get('mode')} is not served"
    if (retired := row.get("deprecation_date")) and date.fromisoformat(retired) <= as_of:
        return "retired"
    endpoints = row.get("supported_endpoints")
    if endpoints and not any(str(path).endswith(_ENDPOINTS) for path in endpoints):
        return "no endpoint of ours"
    if upstream in _WRONG:
        return f"wrong in the source: {_WRONG[upstream]}"
    if (pattern := _NOT_LISTED.get(provider)) and re.search(pattern, upstream):
        return "alias, tool or legacy name"
    return ""


def why_not_listed(model: Model, *, hosted: bool) -> str:
    """Say why a model cannot be sold from what the source knows, or "" if it can."""
    mode, prices = model["mode"], model["prices"]
    if hosted and _CLOSED.match(model["id"]):
        return "a closed model is called at its maker"
    if any(key not in prices for key in _NEEDED.get(mode, ())):
        return "no price"
    if mode in _NEEDED_ANY and not any(key in prices for key in _NEEDED_ANY[mode]):
        return "no price"
    if mode in TALKS and "0" in (prices["input"], prices["output"]) and not _FREE.match(model["id"]):
        return "price 0 in the source"
    if mode in TALKS and model["context"] is None:
        return "no context length"
    if any(is_too_fine(price) for table in [model, *model["tiers"]] for price in table["prices"].values()):
        return "price finer than a nano-dollar"
    return ""


def is_too_fine(price: str) -> bool:
    """Say whether a price needs more than nano-dollars, as a rounded fraction or a float's noise does."""
    return len(price.partition(".")[2]) > DECIMALS


def without_dated(models: Iterable[Model]) -> tuple[list[Model], list[Model]]:
    """Split one provider's models into those to keep and dated doubles of an alias with the same price."""
    listed = list(models)
    by_id = {model["id"]: model for model in listed}
    doubles = [model for model in listed if model["id"] not in DOCUMENTED and _is_double(model, by_id)]
    dropped = {model["id"] for model in doubles}
    return [model for model in listed if model["id"] not in dropped], doubles


def _is_double(model: Model, by_id: dict[str, Model]) -> bool:
    stem = undated(model["id"])
    if stem == model["id"]:
        return False
    aliases = [stem] if model["id"].endswith("-latest") else [stem, f"{stem}-latest"]
    return any(alias in by_id and _same_price(by_id[alias], model) for alias in aliases)


def _same_price(one: Model, other: Model) -> bool:
    return all(one[field] == other[field] for field in ("mode", "prices", "tiers"))
