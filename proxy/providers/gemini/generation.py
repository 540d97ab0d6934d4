"""How a Gemini model is to write its answer: bounds, sampling, form and thinking."""

from collections.abc import Sequence
from typing import Any

import msgspec

from proxy.conversation import Ask, Inexpressible, Media, Reasoning, Shape, ToolResult, Turn
from proxy.providers.gemini.models import is_before_gemini_3

MAX_STOPS = 5
SEED_BITS = 31
RESOLUTIONS = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}
LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}
# What the provider itself takes these words to mean for models that know only tokens.
BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def generation_config(ask: Ask, *, model: str) -> dict[str, Any]:
    _refuse(ask)
    made: dict[str, Any] = {
        "maxOutputTokens": ask.max_tokens,
        "temperature": ask.temperature,
        "topP": ask.top_p,
        "topK": ask.top_k,
        "stopSequences": ask.stop or None,
        "seed": ask.seed,
        "presencePenalty": ask.presence_penalty,
        "frequencyPenalty": ask.frequency_penalty,
        "mediaResolution": _resolution(ask.turns),
    }
    if ask.shape is not None:
        made["responseMimeType"] = "application/json"
        made["responseJsonSchema"] = _schema(ask.shape)
    if ask.reasoning is not None:
        made["thinkingConfig"] = _thinking(ask.reasoning, model)
    return {name: value for name, value in made.items() if value is not None}


def _refuse(ask: Ask) -> None:
    if ask.min_p is not None:
        raise Inexpressible("min_p", "This model has no min_p. Leave it out.")
    if len(ask.stop) > MAX_STOPS:
        raise Inexpressible("stop", f"This model takes at most {MAX_STOPS} stop sequences.")
    if ask.seed is not None and not -(1 << SEED_BITS) <= ask.seed < 1 << SEED_BITS:
        raise Inexpressible("seed", f"This model takes a seed from -2^{SEED_BITS} to 2^{SEED_BITS} - 1.")


def _schema(shape: Shape) -> msgspec.Raw | None:
    """The schema of an answer. It always binds, as `strict` asks; its name says nothing to this model."""
    if shape.schema is None or shape.description is None:
        return shape.schema
    schema = _object(shape.schema)
    if "description" in schema:
        raise Inexpressible(
            "response_format", "This model takes one description: keep the one in the schema."
        )
    return msgspec.Raw(msgspec.json.encode({"description": shape.description, **schema}))


def _object(schema: msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        return _decode(schema)
    except (msgspec.DecodeError, RecursionError):
        raise Inexpressible("response_format", "The schema must be a JSON object for this model.") from None


def _thinking(reasoning: Reasoning, model: str) -> dict[str, Any]:
    if reasoning.is_off:
        return {"thinkingBudget": 0}
    made: dict[str, Any] = {"includeThoughts": True}
    if reasoning.effort is not None and reasoning.tokens is not None:
        raise Inexpressible("reasoning", "This model takes an effort or a number of tokens, not both.")
    if reasoning.tokens is not None:
        made["thinkingBudget"] = reasoning.tokens
    elif reasoning.effort is not None:
        if reasoning.effort not in LEVELS:
            raise Inexpressible("reasoning", f"This model knows these efforts: {', '.join(LEVELS)}.")
        if is_before_gemini_3(model):
            made["thinkingBudget"] = BUDGETS[reasoning.effort]
        else:
            made["thinkingLevel"] = LEVELS[reasoning.effort]
    return made


def _resolution(turns: Sequence[Turn]) -> str | None:
    """How closely to look: one word for all that is seen, as the API has none for a single image."""
    details = {media.detail for media in _seen(turns)} or {None}
    if details <= {None, "auto"}:
        return None
    if len(details) > 1:
        raise Inexpressible(
            "messages", "This model looks at all images and files alike: give all the same detail."
        )
    detail = details.pop()
    if detail not in RESOLUTIONS:
        raise Inexpressible("messages", "This model knows these details of an image: auto, low, high.")
    return RESOLUTIONS[detail]


def _seen(turns: Sequence[Turn]) -> list[Media]:
    parts = [part for turn in turns for part in turn.parts]
    found = [inner for part in parts if isinstance(part, ToolResult) for inner in part.parts]
    return [part for part in (*parts, *found) if isinstance(part, Media) and part.kind != "audio"]
