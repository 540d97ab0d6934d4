"""A chat request as it came in: read strictly, checked field by field, its content left as it is."""

from collections.abc import Mapping
from typing import Any

import msgspec

from core.errors import BadRequest
from core.rules.reserve import Content, InputSize, input_size, measure, output_bound
from core.strict_json import loads
from proxy.routing.preferences import NONE, Preferences, read_fallbacks, read_preferences

MAX_OUTPUT = 10_000_000
MAX_CHOICES = 8
MAX_MODEL_ID = 200
FREE_TOOLS = frozenset({"function", "custom"})  # tools that run at the client: no provider bills for them
PLAIN_TIERS = frozenset({"auto", "default", "standard"})
SEARCHES = ("web_search_options", "search_parameters", "enable_search", "web_search", "search_options")
NOT_YET = ("plugins",)
WATCHED = frozenset(
    (*NOT_YET, *SEARCHES, "service_tier", "best_of", "tools", "stream_options")
)  # rare fields
_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class ChatCall(msgspec.Struct, frozen=True):
    """What the relay must know of a chat request. `fields` is the body, each value byte for byte."""

    model: str
    stream: bool
    max_tokens: int | None
    max_tokens_name: str | None
    choices: int
    content: Content
    fields: Mapping[str, msgspec.Raw]
    echo_upstream_body: bool
    modalities: tuple[str, ...]
    preferences: Preferences = NONE
    fallbacks: tuple[str, ...] = ()  # models to try after the first

    @property
    def models(self) -> tuple[str, ...]:
        return (self.model, *self.fallbacks)

    @classmethod
    def parse(cls, body: bytes) -> "ChatCall":
        """Read a request body. Raises BadRequest naming the field that is wrong."""
        document, fields = _document(body)
        name, most = _output_limit(document)
        if not WATCHED.isdisjoint(document):
            _refuse_not_yet(document)
            _refuse_extra_costs(document)
        if b"ttl" in body or b"\\u00" in body:  # else there is none, however it is written
            _refuse_long_caches(document)
        model = _model(document)
        return cls(
            model=model,
            stream=_flag(document, "stream"),
            max_tokens=most,
            max_tokens_name=name,
            choices=_whole(document, "n", high=MAX_CHOICES) or 1,
            content=measure(_messages(document), extra_bytes=_other_bytes(fields)),
            fields=fields,
            echo_upstream_body=_echo(document),
            modalities=_modalities(document),
            preferences=read_preferences(document),
            fallbacks=read_fallbacks(document, model),
        )

    def input_size(self, context: int | None) -> InputSize:
        return input_size(self.content, context=context)

    def output_bound(self, *, model_max: int | None, context: int | None, cap: int) -> int:
        """The most tokens one choice may produce."""
        return output_bound(asked=self.max_tokens, model_max=model_max, context=context, cap=cap)


def _document(body: bytes) -> tuple[dict[str, Any], dict[str, msgspec.Raw]]:
    if not body.strip():
        raise BadRequest("The body is empty. Send a JSON object with model and messages.")
    try:
        document = loads(body)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    if not isinstance(document, dict):
        raise BadRequest("The body must be a JSON object with model and messages.")
    try:
        return document, _raw_fields(body)
    except (msgspec.DecodeError, RecursionError):  # half a surrogate pair, for one: no provider can read it
        raise BadRequest(
            "The body is not acceptable JSON: it holds text that is not valid Unicode."
        ) from None


def _other_bytes(fields: Mapping[str, msgspec.Raw]) -> int:
    return sum([memoryview(raw).nbytes for name, raw in fields.items() if name != "messages"])


def _model(document: Mapping[str, Any]) -> str:
    model = document.get("model")
    if not isinstance(model, str) or not 1 <= len(model) <= MAX_MODEL_ID or not model.isprintable():
        raise BadRequest("model is missing: name one as provider/model-name.", param="model")
    return model


def _messages(document: Mapping[str, Any]) -> list[Any]:
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("messages must be a list with at least one message.", param="messages")
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise BadRequest(
                f"messages[{index}] must be an object with a role.", param=f"messages[{index}].role"
            )
        content = message.get("content")
        if content is not None and not isinstance(content, str | list):
            raise BadRequest(
                f"messages[{index}].content must be text or a list of parts.",
                param=f"messages[{index}].content",
            )
    return messages


def _flag(document: Mapping[str, Any], name: str) -> bool:
    value = document.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false.", param=name)
    return bool(value)


def _whole(document: Mapping[str, Any], name: str, *, high: int) -> int | None:
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= high:
        raise BadRequest(f"{name} must be a whole number from 1 to {high}.", param=name)
    return value


def _output_limit(document: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """The limit a caller set and the name it goes by. Two that differ are refused."""
    newer = _whole(document, "max_completion_tokens", high=MAX_OUTPUT)
    older = _whole(document, "max_tokens", high=MAX_OUTPUT)
    if newer is not None and older is not None and newer != older:
        raise BadRequest("max_tokens and max_completion_tokens differ. Send one of them.", param="max_tokens")
    if newer is not None:
        return "max_completion_tokens", newer
    return ("max_tokens" if older is not None else None), older


def _refuse_not_yet(document: Mapping[str, Any]) -> None:
    for name in NOT_YET:
        if document.get(name) is not None:
            raise BadRequest(f"{name} is not supported yet. Leave it out.", param=name)


def _refuse_extra_costs(document: Mapping[str, Any]) -> None:
    """Refuse what raises the price in a way the price card does not state: never free, so not at all."""
    tier = document.get("service_tier")
    if tier is not None and not (isinstance(tier, str) and tier in PLAIN_TIERS):
        raise BadRequest("This service_tier has no price here. Leave it out.", param="service_tier")
    for name in SEARCHES:
        if document.get(name) not in (None, False):
            raise BadRequest(f"Web search has no price here yet. Leave {name} out.", param=name)
    if document.get("best_of") is not None:
        raise BadRequest("best_of has no price here. Use n, or leave it out.", param="best_of")
    tools = document.get("tools")
    if tools is not None and not isinstance(tools, list):
        raise BadRequest("tools must be a list.", param="tools")
    for index, tool in enumerate(tools or ()):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if not isinstance(kind, str) or kind not in FREE_TOOLS:
            raise BadRequest(
                f"tools[{index}].type must be function or custom; what a provider runs has no price here.",
                param=f"tools[{index}].type",
            )
    options = document.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise BadRequest("stream_options must be an object.", param="stream_options")


def _refuse_long_caches(document: Mapping[str, Any]) -> None:
    """Refuse caches that live longer than usual: billed higher, and usage does not say which they were."""
    todo: list[Any] = [document]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo.extend(value.values())
            cache = value.get("cache_control")
            if isinstance(cache, dict) and cache.get("ttl") not in (None, "5m"):
                raise BadRequest("cache_control.ttl has no price here but 5m.", param="cache_control.ttl")
        elif isinstance(value, list):
            todo.extend(value)


def _echo(document: Mapping[str, Any]) -> bool:
    debug = document.get("debug")
    if debug is None:
        return False
    if not isinstance(debug, dict):
        raise BadRequest("debug must be an object.", param="debug")
    return _flag(debug, "echo_upstream_body")


def _modalities(document: Mapping[str, Any]) -> tuple[str, ...]:
    modalities = document.get("modalities")
    if modalities is None:
        return ()
    if not isinstance(modalities, list) or not all(isinstance(name, str) for name in modalities):
        raise BadRequest("modalities must be a list of names.", param="modalities")
    return tuple(modalities)
