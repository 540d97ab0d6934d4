"""What the relay must know of a call in any format, and how the fields are read that all formats have."""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from core.errors import BadRequest
from core.money import Nanos
from core.rules.reserve import Content, InputSize, input_size, output_bound
from core.strict_json import loads
from proxy.routing.preferences import NONE, Preferences

MAX_OUTPUT = 10_000_000
MAX_MODEL_ID = 200
NOT_YET = ("plugins",)
# How long a cache lives that costs what price cards state, by the object that may say so.
USUAL_CACHES: Mapping[str, str | None] = {
    "cache_control": "5m",
    "prompt_cache_options": "30m",
    "prompt_cache_breakpoint": None,
}
USUAL_RETENTIONS = (None, "in_memory", "in-memory")
_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class ModelCall(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came in. `fields` is the body, each value byte for byte."""

    MODES: ClassVar[tuple[str, ...]] = ("chat",)  # of the models that can serve it

    model: str
    stream: bool
    max_tokens: int | None
    max_tokens_name: str | None
    choices: int = 1
    content: Content
    fields: Mapping[str, msgspec.Raw]
    echo_upstream_body: bool
    hides_thoughts: bool = False  # they are left out of the answer, and charged
    asks_to_think: bool = False  # what is thought may be billed and not sent
    modalities: tuple[str, ...] = ()
    preferences: Preferences = NONE
    fallbacks: tuple[str, ...] = ()  # models to try after the first
    extra_n: Nanos = Nanos(0)  # charged at most beside its tokens: for pages read before the model is asked

    @property
    def models(self) -> tuple[str, ...]:
        return (self.model, *self.fallbacks)

    def input_size(self, context: int | None, *, image_tokens: int | None = None) -> InputSize:
        return input_size(self.content, context=context, image_tokens=image_tokens)

    def output_bound(self, *, model_max: int | None, context: int | None, cap: int) -> int:
        """The most tokens one choice may produce."""
        return output_bound(asked=self.max_tokens, model_max=model_max, context=context, cap=cap)


def read_document(body: bytes, *, holding: str = "messages") -> tuple[dict[str, Any], dict[str, msgspec.Raw]]:
    """The body as values, and each of its fields as it stands there. `holding`: the field with the input."""
    if not body.strip():
        raise BadRequest(f"The body is empty. Send a JSON object with model and {holding}.")
    try:
        document = loads(body)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    if not isinstance(document, dict):
        raise BadRequest(f"The body must be a JSON object with model and {holding}.")
    try:
        return document, _raw_fields(body)
    except (msgspec.DecodeError, RecursionError):  # half a surrogate pair, for one: no provider can read it
        raise BadRequest(
            "The body is not acceptable JSON: it holds text that is not valid Unicode."
        ) from None


def other_bytes(fields: Mapping[str, msgspec.Raw], *, beside: str = "messages") -> int:
    """The size of all that is sent along with the input."""
    return sum([memoryview(raw).nbytes for name, raw in fields.items() if name != beside])


def read_model(document: Mapping[str, Any]) -> str:
    model = document.get("model")
    if not isinstance(model, str) or not 1 <= len(model) <= MAX_MODEL_ID or not model.isprintable():
        raise BadRequest("model is missing: name one as provider/model-name.", param="model")
    return model


def read_flag(document: Mapping[str, Any], name: str) -> bool:
    value = document.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false.", param=name)
    return bool(value)


def read_whole(document: Mapping[str, Any], name: str, *, high: int) -> int | None:
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= high:
        raise BadRequest(f"{name} must be a whole number from 1 to {high}.", param=name)
    return value


def read_echo(document: Mapping[str, Any]) -> bool:
    debug = document.get("debug")
    if debug is None:
        return False
    if not isinstance(debug, dict):
        raise BadRequest("debug must be an object.", param="debug")
    return read_flag(debug, "echo_upstream_body")


def refuse_not_yet(document: Mapping[str, Any]) -> None:
    for name in NOT_YET:
        if document.get(name) is not None:
            raise BadRequest(f"{name} is not supported yet. Leave it out.", param=name)


def refuse_long_caches(document: Mapping[str, Any], body: bytes) -> None:
    """Refuse caches that live longer than usual: billed higher, and usage does not say which they were."""
    if document.get("prompt_cache_retention") not in USUAL_RETENTIONS:
        raise BadRequest(
            "prompt_cache_retention has no price here but in_memory.", param="prompt_cache_retention"
        )
    if b"ttl" not in body and b"\\u00" not in body:
        return  # there is none, however it is written
    todo: list[Any] = [document]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo.extend(value.values())
            _refuse_long_cache(value)
        elif isinstance(value, list):
            todo.extend(value)


def _refuse_long_cache(value: Mapping[str, Any]) -> None:
    for name, usual in USUAL_CACHES.items():
        cache = value.get(name)
        if isinstance(cache, dict) and cache.get("ttl") not in (None, usual):
            most = "has no price here" if usual is None else f"has no price here but {usual}"
            raise BadRequest(f"{name}.ttl {most}.", param=f"{name}.ttl")
